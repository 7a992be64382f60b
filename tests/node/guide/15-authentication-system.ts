import { createApp } from './framework.mjs';
import { workerTasks } from 'moro-client';

const app = await createApp();

// Login with JWT signing on worker thread
app.post('/api/login', async (req, res) => {
  const user = await db.users.findOne({ email: req.body.email });

  if (!user || !(await verifyPassword(req.body.password, user.password))) {
    return res.status(401).json({ error: 'Invalid credentials' });
  }

  // Sign JWT on worker thread (non-blocking)
  const token = await workerTasks.signJWT(
    { userId: user.id, role: user.role },
    process.env.JWT_SECRET,
    { expiresIn: '7d' }
  );

  return { token, user: { id: user.id, email: user.email } };
});

// Verify token on worker thread
app.get('/api/profile', async (req, res) => {
  const token = req.headers.authorization?.replace('Bearer ', '');

  if (!token) {
    return res.status(401).json({ error: 'No token provided' });
  }

  const result = await workerTasks.verifyJWT(token, process.env.JWT_SECRET);

  if (!result.valid) {
    return res.status(401).json({ error: 'Invalid token' });
  }

  const user = await db.users.findOne({ id: result.payload.userId });
  return user;
});
