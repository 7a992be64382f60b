await workers.executeTask({
  type: 'heavy:computation',
  data: { operation: 'complex' },
  timeout: 30000, // Increase timeout
});
