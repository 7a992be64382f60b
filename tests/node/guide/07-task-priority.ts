import { getWorkerManager } from 'moro-client';

const workers = getWorkerManager();

// High priority task (executes first)
await workers.executeTask({
  id: 'critical-task',
  type: 'crypto:hash',
  data: { input: 'critical-data' },
  priority: 'high', // 'high' | 'normal' | 'low'
});

// Normal priority (default)
await workers.executeTask({
  id: 'normal-task',
  type: 'crypto:hash',
  data: { input: 'normal-data' },
  priority: 'normal',
});

// Low priority (executes last)
await workers.executeTask({
  id: 'background-task',
  type: 'crypto:hash',
  data: { input: 'background-data' },
  priority: 'low',
});
