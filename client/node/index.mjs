/*
 * The same objects for `import`: there is one copy of the code, so that a
 * program and its libraries share their manager whichever way they load it.
 */
import moro from './lib/index.js';

export const {
	Client, connect, MoroError, defaultPath, ExtData,
	WorkerManager, getWorkerManager, executeOnWorker, workerTasks, WORKER_TASKS,
	initializeWorkers, shutdownWorkers,
} = moro;
export default moro;
