// Adjust workers based on load
function adjustWorkers(load: number) {
  const optimal = Math.ceil(load / 100);
  const cpuCount = require('os').cpus().length;
  const workerCount = Math.min(optimal, cpuCount - 1);

  return new WorkerManager({ workerCount });
}

// Monitor and adjust
let currentLoad = 0;

app.use((req, res, next) => {
  currentLoad++;
  res.on('finish', () => currentLoad--);
  next();
});
