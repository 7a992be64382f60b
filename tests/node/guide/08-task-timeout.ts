await workers.executeTask({
  id: 'long-task',
  type: 'heavy:computation',
  data: { operation: 'complex-calculation' },
  timeout: 30000, // 30 seconds
});
