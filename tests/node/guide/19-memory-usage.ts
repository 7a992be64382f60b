// Optimal configuration
const cpuCount = require('os').cpus().length;

const workers = new WorkerManager({
  workerCount: Math.max(1, cpuCount - 1), // Leave 1 for main thread
  maxQueueSize: 1000,
});
