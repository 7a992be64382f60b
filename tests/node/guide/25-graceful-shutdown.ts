import { getWorkerManager } from 'moro-client';

const workers = getWorkerManager();

process.on('SIGTERM', async () => {
  console.log('Shutting down workers...');
  await workers.shutdown();
  process.exit(0);
});
