import { createApp } from './framework.mjs';
import { getWorkerManager } from 'moro-client';

const app = await createApp();
const workers = getWorkerManager();

// Execute a task on worker thread
app.post('/api/hash', async (req, res) => {
  const result = await workers.executeTask({
    id: `hash-${Date.now()}`,
    type: 'crypto:hash',
    data: {
      input: req.body.password,
      algorithm: 'sha256',
    },
  });

  return { hash: result };
});

app.listen(3000);
