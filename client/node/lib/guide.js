'use strict';

/* The guide's global helpers, around one manager for the whole program. */

const { makeHelpers } = require('./helpers.js');
const { WorkerManager } = require('./manager.js');

let manager = null;

/** The program's manager: made at the first call, and anew after its shutdown. */
function getWorkerManager() {
	if (manager === null || manager.isShuttingDown)
		manager = new WorkerManager();
	return manager;
}

/** The same with options, and waits until there is a server. */
async function initializeWorkers(options) {
	if (manager === null || manager.isShuttingDown)
		manager = new WorkerManager(options);
	await manager.ready();
	return manager;
}

/** Shuts the program's manager down, if there is one; none is made for it. */
async function shutdownWorkers() {
	await manager?.shutdown();
}

function executeOnWorker(task) {
	return getWorkerManager().executeTask(task);
}

/** Helpers of whatever manager the program has when they are called. */
const workerTasks = makeHelpers((type, data, options) => getWorkerManager().execute(type, data, options));

module.exports = { getWorkerManager, initializeWorkers, shutdownWorkers, executeOnWorker, workerTasks };
