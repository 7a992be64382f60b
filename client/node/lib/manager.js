'use strict';

/* The guide's WorkerManager: tasks for the workers of a morod. */

const os = require('node:os');

const { Client } = require('./client.js');
const { MoroError } = require('./error.js');
const { Gauges } = require('./gauges.js');
const { imageFromJson, makeHelpers } = require('./helpers.js');
const where = require('./where.js');

const STATS_EVERY = 250; // ms
const MAX_QUEUE_SIZE = 1000;

class WorkerManager {
	constructor(options = {}) {
		this.options = options;
		this.client = null;
		this.server = null; // of the program's own, if it is one
		this.connecting = null; // ready(), while it goes on
		this.reaching = null; // reach()
		this.isShuttingDown = false;
		this.unfinished = new Set(); // promises of tasks
		this.gauges = new Gauges(options.statsEvery ?? STATS_EVERY,
		    async () => (this.client ?? await this.reach()).stats(), {
			    workerCount: options.workerCount ?? Math.max(1, os.cpus().length - 1),
			    maxQueueSize: options.maxQueueSize ?? MAX_QUEUE_SIZE,
		    });
		this.tasks = makeHelpers((type, data, how) => this.execute(type, data, how));
		// A count that was given means that the workers are wanted now.
		if (options.workerCount !== undefined && where.namedPath(options) === null)
			this.ready().catch(() => {}); // told to the first task
	}

	/** The client, connected; a server is started if there is none. */
	ready() {
		this.forgetGone();
		if (this.client !== null)
			return Promise.resolve(this.client);
		this.connecting ??= this.start().finally(() => {
			this.connecting = null;
		});
		return this.connecting;
	}

	/** A server of the program's own that died is replaced by the next task. */
	forgetGone() {
		if (this.server?.gone !== true)
			return;
		this.client?.close();
		this.client = null;
		this.server = null;
	}

	async start() {
		try {
			return await this.reach();
		} catch (error) {
			if (error.code !== 'NO_SERVER' || where.namedPath(this.options) !== null)
				throw error;
		}
		return this.connect(await this.startOwn());
	}

	/** The client of a server that is there; none is started. */
	reach() {
		const path = where.namedPath(this.options) ?? where.systemPath(this.options);

		if (path === null)
			return Promise.reject(new MoroError('NO_SERVER', 'there is no server'));
		this.reaching ??= this.connect(path).finally(() => {
			this.reaching = null;
		});
		return this.reaching;
	}

	async connect(path) {
		const client = new Client({ ...this.options, path });

		await client.connect();
		this.client = client;
		this.gauges.want();
		return client;
	}

	/** A server of the program's own; one that is there already is resized. */
	async startOwn() {
		const { server, fresh } = where.ownServer(this.options);

		this.server = server;
		await server.ready;
		if (!fresh && this.options.workerCount !== undefined) {
			const client = await new Client({ path: server.path }).connect();

			await client.scale(this.options.workerCount).finally(() => client.close());
		}
		return server.path;
	}

	/** Executes a task: {id, type, data, priority, timeout}, and options of a call. */
	async executeTask(task) {
		if (task === null || typeof task !== 'object' || typeof task.type !== 'string') {
			throw new MoroError('INVALID_ARGUMENT', 'a task is an object with a type',
			    { field: 'type' });
		}
		const prepared = this.options.prepare?.(task) ?? task;
		const { type, data, ...options } = prepared;

		return this.execute(type, imageFromJson(type, data), options);
	}

	/** The same by type and data. */
	execute(type, data, options) {
		if (this.isShuttingDown) {
			return Promise.reject(new MoroError('SHUTTING_DOWN',
			    'the worker manager is shutting down'));
		}
		const task = this.run(type, data, options);
		const settled = task.catch(() => {}).finally(() => this.unfinished.delete(settled));

		this.unfinished.add(settled);
		return task;
	}

	async run(type, data, options) {
		const client = await this.ready();

		this.gauges.want();
		return client.call(type, data, options);
	}

	/** What the pool is doing, as far as the server told; never starts one. */
	getStats() {
		if (!this.isShuttingDown)
			this.gauges.want();
		return this.gauges.snapshot(this.unfinished.size);
	}

	/** What the server says now: all that method `stats` answers. */
	stats() {
		return this.gauges.refresh();
	}

	/** How many workers there are to be: a number, or "2:8". */
	async scale(workers) {
		return (await this.ready()).scale(workers);
	}

	/**
	 * Takes no more tasks, lets the accepted ones finish, and ends the
	 * connection, and the server if it is the program's own. None is started
	 * for it.
	 */
	shutdown() {
		this.isShuttingDown = true;
		this.ending ??= this.end();
		return this.ending;
	}

	async end() {
		this.gauges.stop();
		await Promise.all(this.unfinished);
		await Promise.allSettled([this.connecting, this.reaching]);
		await this.client?.close();
		if (this.server !== null)
			await where.leave(this.server);
	}
}

module.exports = { WorkerManager };
