const stats = workers.getStats();

if (stats.queueSize >= stats.maxQueueSize * 0.8) {
  // Queue is 80% full - implement backpressure
  return res.status(503).json({
    error: 'Service busy',
    retryAfter: 60,
  });
}
