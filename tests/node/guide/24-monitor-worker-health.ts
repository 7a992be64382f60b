// Check worker stats periodically
setInterval(() => {
  const stats = workers.getStats();

  if (stats.queueSize > 500) {
    console.warn('Worker queue is getting large:', stats);
  }

  if (stats.activeTasks === stats.workers) {
    console.log('All workers are busy');
  }
}, 10000);

// Expose metrics endpoint
app.get('/metrics/workers', (req, res) => {
  return workers.getStats();
});
