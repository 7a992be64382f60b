new WorkerManager(options?: {
  workerCount?: number;    // Number of workers (default: CPUs - 1)
  maxQueueSize?: number;   // Max queued tasks (default: 1000)
})
