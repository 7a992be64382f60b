// Process multiple items in parallel
const tasks = items.map((item, i) => ({
  id: `task-${i}`,
  type: 'crypto:hash',
  data: { input: item.password },
  priority: 'normal',
}));

const workers = getWorkerManager();
const results = await Promise.all(tasks.map(task => workers.executeTask(task)));
