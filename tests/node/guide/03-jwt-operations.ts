import { workerTasks } from 'moro-client';

// Verify JWT token
app.post('/api/auth/verify', async (req, res) => {
  const result = await workerTasks.verifyJWT(req.body.token, process.env.JWT_SECRET);

  if (result.valid) {
    return { user: result.payload };
  } else {
    return res.status(401).json({ error: 'Invalid token' });
  }
});

// Sign JWT token
app.post('/api/auth/login', async (req, res) => {
  const user = await authenticateUser(req.body);

  const token = await workerTasks.signJWT(
    { userId: user.id, role: user.role },
    process.env.JWT_SECRET,
    { expiresIn: '7d' }
  );

  return { token };
});
