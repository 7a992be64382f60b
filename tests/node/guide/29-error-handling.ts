try {
  const result = await workers.executeTask({
    id: 'task-1',
    type: 'crypto:hash',
    data: { input: 'test' },
  });
} catch (error) {
  if (error.code === 'WORKER_ERROR') {
    console.error('Worker task failed:', error.message);
  } else if (error.code === 'QUEUE_FULL') {
    console.error('Worker queue is full');
  } else if (error.code === 'TIMEOUT') {
    console.error('Task timed out');
  }

  throw error;
}
