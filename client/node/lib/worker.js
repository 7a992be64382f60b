'use strict';

/*
 * A worker in JavaScript: a program that morod starts, or that dials in, which
 * serves task types.
 *
 *	task('image:thumbnail', { idempotent: true }, async (data, ctx) => ...);
 *	run();
 */

const { Channel } = require('./channel.js');
const { MoroError } = require('./error.js');
const { Running } = require('./running.js');
const { openChannel, dialChannel } = require('./worker-channel.js');

const PROTOCOL = 1;
const SERVE = 1; // the number of the request that makes a connection a worker's

const table = new Map(); // task types by name: {name, options, handler}

/** Says that this program does tasks of a type; handler(data, ctx) gives the result. */
function task(name, options, handler) {
	if (typeof options === 'function')
		[options, handler] = [{}, options];
	if (typeof name !== 'string' || !name.includes(':'))
		throw new TypeError(`a task type is a string with a colon, not ${String(name)}`);
	if (typeof handler !== 'function')
		throw new TypeError(`the handler of ${name} is a function`);
	if (table.has(name))
		throw new TypeError(`task type ${name} is there already`);
	table.set(name, { name, options: checked(name, options), handler });
}

/** The options of a type that morod is told, without those that are not given. */
function checked(name, { idempotent, softCancel, timeout, about, ...unknown }) {
	const [wrong] = Object.keys(unknown);

	if (wrong !== undefined)
		throw new TypeError(`task type ${name}: unknown option ${wrong}`);
	const all = { idempotent, softCancel, timeout, about };

	return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined));
}

class Worker {
	constructor(readable, writable, types, done) {
		this.types = types;
		this.refusal = undefined; // why it is no worker, or not yet
		this.running = new Map(); // by number: tasks that are not answered
		this.channel = new Channel(readable, writable, {
			message: (message) => this.take(message),
			bad: (error, n) => this.log(`message ${n ?? ''} cannot be read: ${error.message}`),
			end: (error) => this.end(error, done),
		});
	}

	take([kind, ...rest]) {
		if (kind === 0)
			this.takeRequest(...rest);
		else if (kind === 1)
			this.takeAnswer(...rest);
		else if (kind === 2)
			this.takeNotification(...rest);
	}

	takeRequest(n, method, params) {
		if (method === 'hello')
			this.greet(n, params?.[0]);
		else if (method.includes(':'))
			this.begin(n, method, params?.[0], params?.[1] ?? {});
		else
			this.refuse(n, new MoroError('UNSUPPORTED', `this worker has no method ${method}`));
	}

	/** morod says what it is; the answer says what this program can do. */
	greet(n, hello) {
		if (hello?.proto > PROTOCOL)
			this.log(`morod speaks protocol ${hello.proto}, this library ${PROTOCOL}`);
		this.hello = hello;
		this.channel.send([1, n, null, { types: this.said() }]);
	}

	/** Dials in: what morod answers to that comes before any task. */
	offer(pool) {
		this.refusal = new MoroError('LOST', 'morod closed the connection while the worker dialled in');
		this.channel.send([0, 0, 'hello', [{}]]);
		this.channel.send([0, SERVE, 'serve', [this.said(), pool === undefined ? {} : { pool }]]);
	}

	takeAnswer(n, error) {
		if (n !== SERVE || this.refusal === undefined)
			return;
		this.refusal = error === null ? undefined : MoroError.fromWire(error);
		if (this.refusal !== undefined)
			this.channel.end();
	}

	/** What this program can do. */
	said() {
		return [...this.types.values()].map(({ name, options }) => ({ name, ...options }));
	}

	/** Runs a task; whatever becomes of it is answered, once. */
	async begin(n, type, data, info) {
		const known = this.types.get(type);

		if (known === undefined) {
			this.refuse(n, new MoroError('UNKNOWN_TASK', `this worker has no task type "${type}"`));
			return;
		}
		const running = new Running(n, type, info, this.channel);

		this.running.set(n, running);
		try {
			running.answer(await known.handler(data, running.context));
		} catch (error) {
			running.fail(error);
		} finally {
			this.running.delete(n);
		}
	}

	takeNotification(method, params) {
		if (method === 'cancel')
			this.running.get(params?.[0])?.cancel();
	}

	refuse(n, error) {
		this.channel.send([1, n, { code: error.code, message: error.message }, null]);
	}

	/** stderr is morod's log. */
	log(text) {
		process.stderr.write(`moro-client/worker: ${text}\n`);
	}

	/** morod is gone, or wants this worker no more. */
	end(error, done) {
		for (const running of this.running.values())
			running.cancel();
		if (error !== undefined)
			this.log(`the channel broke: ${error.message}`);
		done(error);
	}
}

/** Serves on a channel to its end; begin(worker) has the first word. */
function serve({ readable, writable }, exit, begin = () => {}) {
	return new Promise((resolve, reject) => {
		const worker = new Worker(readable, writable, table, (error) => {
			if (worker.refusal !== undefined) {
				reject(worker.refusal);
				return;
			}
			if (exit)
				process.exit(error === undefined ? 0 : 1);
			resolve();
		});

		begin(worker);
	});
}

/**
 * Serves until morod closes the channel, and then ends the program, with status
 * 0; `exit: false` leaves that to the caller. The promise is kept then.
 *
 * `connect` has it dial in, to a path or, if it is true, to where clients find
 * morod; `pool` says to which pool, if several take workers. What morod has
 * against it rejects the promise.
 */
function run({ exit = true, env = process.env, connect, pool } = {}) {
	if (!connect)
		return serve(openChannel(env), exit);
	return dialChannel(connect, env)
		.then((channel) => serve(channel, exit, (worker) => worker.offer(pool)));
}

module.exports = { task, run, Worker, MoroError };
