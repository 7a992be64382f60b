// Resize image on worker thread
app.post('/api/images/resize', async (req, res) => {
  const result = await workerTasks.heavyComputation('image:resize', {
    image: req.body.image,
    width: req.body.width,
    height: req.body.height,
  });

  return { image: result };
});

// Generate thumbnails
app.post('/api/images/thumbnails', async (req, res) => {
  const tasks = req.body.images.map((image, i) => ({
    id: `thumbnail-${i}`,
    type: 'image:thumbnail',
    data: { image, size: 150 },
    priority: 'normal',
  }));

  const workers = getWorkerManager();
  const thumbnails = await Promise.all(tasks.map(task => workers.executeTask(task)));

  return { thumbnails };
});
