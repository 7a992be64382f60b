'use strict';

/* All that moro-client exports; index.mjs gives the same to `import`. */

const { Client, connect } = require('./client.js');
const { ExtData } = require('./codec.js');
const { MoroError } = require('./error.js');
const guide = require('./guide.js');
const { WorkerManager } = require('./manager.js');
const { defaultPath } = require('./socket-path.js');
const { WORKER_TASKS } = require('./task-names.js');

module.exports = { Client, connect, MoroError, defaultPath, ExtData, WorkerManager, WORKER_TASKS, ...guide };
