import { createApp } from './framework.mjs';
import { workerTasks } from 'moro-client';
import { z } from './framework.mjs';

const app = await createApp();

// Registration with password hashing
app
  .post('/api/register')
  .body(
    z.object({
      email: z.string().email(),
      password: z.string().min(8),
    })
  )
  .handler(async (req, res) => {
    // Hash password on worker thread
    const hash = await workerTasks.hashData(req.body.password, 'sha256');

    const user = await db.users.create({
      email: req.body.email,
      password: hash,
    });

    // Generate token on worker thread
    const token = await workerTasks.signJWT({ userId: user.id }, process.env.JWT_SECRET, {
      expiresIn: '7d',
    });

    return { token, user: { id: user.id, email: user.email } };
  });

// Login
app
  .post('/api/login')
  .body(
    z.object({
      email: z.string().email(),
      password: z.string(),
    })
  )
  .handler(async (req, res) => {
    const user = await db.users.findOne({ email: req.body.email });

    if (!user) {
      return res.status(401).json({ error: 'Invalid credentials' });
    }

    // Verify password on worker thread
    const hash = await workerTasks.hashData(req.body.password, 'sha256');

    if (hash !== user.password) {
      return res.status(401).json({ error: 'Invalid credentials' });
    }

    // Sign token on worker thread
    const token = await workerTasks.signJWT({ userId: user.id }, process.env.JWT_SECRET, {
      expiresIn: '7d',
    });

    return { token };
  });

// Protected route
app.get('/api/profile', async (req, res) => {
  const token = req.headers.authorization?.replace('Bearer ', '');

  if (!token) {
    return res.status(401).json({ error: 'No token provided' });
  }

  // Verify on worker thread
  const result = await workerTasks.verifyJWT(token, process.env.JWT_SECRET);

  if (!result.valid) {
    return res.status(401).json({ error: 'Invalid token' });
  }

  const user = await db.users.findOne({ id: result.payload.userId });
  return user;
});

app.listen(3000);
