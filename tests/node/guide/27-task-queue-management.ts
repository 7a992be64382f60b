import { getWorkerManager } from 'moro-client';

const workers = getWorkerManager();

// Check queue before adding tasks
const stats = workers.getStats();

if (stats.queueSize < 800) {
  // Queue has capacity
  await workers.executeTask(task);
} else {
  // Queue is full, handle gracefully
  return res.status(503).json({
    error: 'Service busy, try again later',
  });
}
