import { createApp } from './framework.mjs';
import { WorkerManager } from 'moro-client';

const app = await createApp({
  workers: {
    count: 4, // Number of worker threads (default: CPU cores - 1)
    maxQueueSize: 1000, // Maximum queued tasks (default: 1000)
  },
});

// Or configure manually
const workers = new WorkerManager({
  workerCount: 4,
  maxQueueSize: 1000,
});
