// Process analytics data
app.post('/api/analytics/process', async (req, res) => {
  const events = await db.events.find({ processed: false }).toArray();

  // Process in batches on worker threads
  const batchSize = 1000;
  const batches = [];

  for (let i = 0; i < events.length; i += batchSize) {
    batches.push(events.slice(i, i + batchSize));
  }

  const workers = getWorkerManager();
  const results = await Promise.all(
    batches.map((batch, i) =>
      workers.executeTask({
        id: `analytics-batch-${i}`,
        type: 'analytics:process',
        data: { events: batch },
        priority: 'low', // Background processing
      })
    )
  );

  const aggregated = results.reduce((acc, r) => ({ ...acc, ...r }), {});

  return { processed: events.length, results: aggregated };
});
