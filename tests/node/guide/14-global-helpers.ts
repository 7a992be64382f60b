import { getWorkerManager, executeOnWorker } from 'moro-client';

// Get singleton worker manager
const workers = getWorkerManager();

// Execute task directly
const result = await executeOnWorker({
  id: 'task-1',
  type: 'crypto:hash',
  data: { input: 'test' },
});
