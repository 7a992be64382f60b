// Compress large response
app.get('/api/export', async (req, res) => {
  const data = await getLargeDataset();

  const compressed = await workerTasks.compressData(JSON.stringify(data));

  res.setHeader('Content-Encoding', 'gzip');
  res.setHeader('Content-Type', 'application/json');
  return compressed;
});

// Decompress data
app.post('/api/import', async (req, res) => {
  const decompressed = await workerTasks.decompressData(req.body.data);

  const data = JSON.parse(decompressed);
  await importData(data);

  return { success: true, records: data.length };
});
