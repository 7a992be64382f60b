// High priority: User-facing operations
await workers.executeTask({
  type: 'jwt:verify',
  data: { token },
  priority: 'high',
});

// Normal priority: Regular operations
await workers.executeTask({
  type: 'crypto:hash',
  data: { input },
  priority: 'normal',
});

// Low priority: Background tasks
await workers.executeTask({
  type: 'analytics:process',
  data: { events },
  priority: 'low',
});
