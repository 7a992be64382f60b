// Hash password
app.post('/api/register', async (req, res) => {
  const hash = await workerTasks.hashData(req.body.password, 'sha256');

  const user = await createUser({
    email: req.body.email,
    password: hash,
  });

  return user;
});

// Encrypt sensitive data
app.post('/api/secrets', async (req, res) => {
  const encrypted = await workerTasks.encryptData(req.body.secret, process.env.ENCRYPTION_KEY);

  return { encrypted };
});

// Decrypt data
app.get('/api/secrets/:id', async (req, res) => {
  const secret = await getSecret(req.params.id);

  const decrypted = await workerTasks.decryptData(secret.data, process.env.ENCRYPTION_KEY);

  return { secret: decrypted };
});
