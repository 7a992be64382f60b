/* The same for require(). */
import moro = require('moro-client');
import worker = require('moro-client/worker');

const hashed: Promise<string> = moro.workerTasks.hashData('x');

worker.task('a:b', (data) => data);
export = hashed;
