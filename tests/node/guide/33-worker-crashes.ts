// Validate task data
if (!task.data || !task.data.input) {
  throw new Error('Invalid task data');
}

// Monitor worker health
setInterval(() => {
  const stats = workers.getStats();
  if (stats.workers === 0) {
    console.error('All workers crashed!');
    // Restart workers
  }
}, 5000);
