// Export large dataset with compression
app.get('/api/export', async (req, res) => {
  const data = await db.collection.find().toArray();

  // Transform and compress on worker thread
  const processed = await workerTasks.transformJSON(data, item => ({
    id: item._id.toString(),
    ...item,
    exportedAt: new Date(),
  }));

  const compressed = await workerTasks.compressData(JSON.stringify(processed));

  res.setHeader('Content-Type', 'application/gzip');
  res.setHeader('Content-Disposition', 'attachment; filename="export.json.gz"');
  return compressed;
});

// Import with decompression
app.post('/api/import', async (req, res) => {
  // Decompress on worker thread
  const decompressed = await workerTasks.decompressData(req.body);

  const data = JSON.parse(decompressed);

  // Validate and transform
  const validated = await workerTasks.transformJSON(data, item => ({
    ...item,
    importedAt: new Date(),
    status: 'active',
  }));

  await db.collection.insertMany(validated);

  return { success: true, imported: validated.length };
});
