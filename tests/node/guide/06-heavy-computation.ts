// Process complex calculation
app.post('/api/calculate', async (req, res) => {
  const result = await workerTasks.heavyComputation(req.body.operation, req.body.params);

  return { result };
});

// Transform large JSON
app.post('/api/transform', async (req, res) => {
  const transformed = await workerTasks.transformJSON(req.body.data, item => ({
    ...item,
    computed: expensiveTransform(item),
  }));

  return transformed;
});
