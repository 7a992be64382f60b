try {
  const result = await workers.executeTask({
    id: 'task-1',
    type: 'heavy:computation',
    data: { operation: 'complex' },
    timeout: 10000, // 10 seconds
  });
} catch (error) {
  if (error.message.includes('timeout')) {
    console.error('Task timed out');
    return res.status(504).json({ error: 'Processing timeout' });
  }
  throw error;
}
