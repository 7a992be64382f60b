const workers = new WorkerManager({
  workerCount: 2, // Reduce workers
  maxQueueSize: 500, // Limit queue
});
