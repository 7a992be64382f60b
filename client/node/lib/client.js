'use strict';

/* One client: calls and their answers, over a connection that is made anew. */

const { EventEmitter } = require('node:events');
const path = require('node:path');

const { Call, abortedEarly } = require('./call.js');
const control = require('./control.js');
const { MoroError } = require('./error.js');
const { Link } = require('./link.js');
const { wireOptions } = require('./options.js');
const { settings, Revival } = require('./reconnect.js');
const { defaultPath } = require('./socket-path.js');

class Client extends EventEmitter {
	constructor(options = {}) {
		super();
		this.path = options.path ?? defaultPath();
		this.name = options.name ?? path.basename(process.argv[1] ?? 'node');
		this.settings = settings(options);
		this.hello = null; // the server's greeting, once there was one
		this.calls = new Map(); // by msgid: sent, and not answered
		this.topics = new Set(); // that are subscribed to
		this.link = null;
		this.nextId = 1;
		this.waiting = 0; // calls that wait for a connection
		this.pinned = false; // ref() was called
		this.closed = false;
		this.revival = new Revival(this.settings, () => this.open());
	}

	/** Whether there is a connection that is not known to be lost. */
	get connected() {
		return this.link !== null;
	}

	/** How many requests have no answer yet. */
	get outstanding() {
		return this.calls.size + this.waiting;
	}

	/** Connects and waits for the server's greeting. */
	async connect() {
		await this.ready();
		return this;
	}

	/** A connection, the one that is there or a new one. */
	async ready() {
		if (this.closed)
			throw closedError();
		return this.link ?? this.revival.join();
	}

	/** Makes the connection; of the revival only. */
	async open() {
		if (this.path === null) {
			throw new MoroError('NO_SERVER',
			    'no socket: give a path, or set MORO_SOCKET or XDG_RUNTIME_DIR');
		}
		const link = await Link.open(this.path, this.name, this.settings.connectTimeout, {
			message: (message) => this.take(message),
			bad: (error, msgid) => this.takeBad(error, msgid),
			end: (error) => this.lost(error),
		});

		if (this.closed) {
			link.close();
			throw closedError();
		}
		this.link = link;
		this.hello = link.hello;
		this.hold();
		for (const topic of this.topics)
			this.send('subscribe', [topic]).catch(() => {}); // lost again: so is the news
		this.emit('connect', this.hello);
		return link;
	}

	/**
	 * Calls a task type ("crypto:hash") and gives a promise of its result. The
	 * promise has `msgid`, by which the call can be cancelled, once it was sent.
	 */
	call(type, data, options) {
		let map;

		try {
			map = wireOptions(options);
		} catch (error) {
			return Promise.reject(error);
		}
		return this.request(type, map === undefined ? [data ?? null] : [data ?? null, map],
		    options);
	}

	/** Sends a request as it stands: a control method, or a task. */
	request(method, params = [], options) {
		if (options?.signal?.aborted)
			return Promise.reject(abortedEarly(options.signal));
		if (this.link !== null)
			return this.send(method, params, options);
		const promise = this.later(method, params, options, (msgid) => {
			promise.msgid = msgid;
		});

		return promise;
	}

	/** A request while there is no connection; `sent` is told its number. */
	async later(method, params, options, sent) {
		const signal = options?.signal;
		let abort;
		const aborted = new Promise((_, reject) => {
			abort = () => reject(abortedEarly(signal));
			signal?.addEventListener('abort', abort, { once: true });
		});

		this.waiting++;
		try {
			await Promise.race([this.ready(), aborted]);
		} finally {
			this.waiting--;
			signal?.removeEventListener('abort', abort);
		}
		const call = this.request(method, params, options);

		sent(call.msgid);
		return call;
	}

	/** A request on the connection that is there. */
	send(method, params, options) {
		const msgid = this.nextId;
		let bytes;

		try {
			bytes = this.link.limits.encode([0, msgid, method, params]);
		} catch (error) {
			return Promise.reject(error);
		}
		const call = new Call(msgid, options);

		this.nextId++;
		this.calls.set(msgid, call);
		call.watch(() => this.notify('cancel', { msgid }).catch(() => {}));
		if (this.calls.size === 1)
			this.hold();
		this.link.channel.sendBytes(bytes);
		return call.promise;
	}

	/**
	 * Sends a notification: the task runs, and nobody hears of it. The promise
	 * is kept when it was handed to a connection.
	 */
	async notify(type, data, options) {
		const map = wireOptions(options);
		const link = this.link ?? await this.ready();

		link.channel.sendBytes(link.limits.encode([2, type, map === undefined ?
		    [data ?? null] : [data ?? null, map]]));
	}

	/** Many data of one type in one request: [{result} or {error}], in order. */
	batch(type, array, options) {
		return this.call(type, array, { ...options, batch: true });
	}

	/** Takes a message of the server. */
	take(message) {
		const [kind, ...rest] = message;

		if (kind === 1)
			this.takeAnswer(...rest);
		else if (kind === 2)
			this.takeNews(...rest);
	}

	takeAnswer(msgid, error, result) {
		const call = this.calls.get(msgid);

		if (call === undefined)
			return;
		this.drop(msgid);
		call.answer(error, result);
	}

	/** An answer that cannot be decoded costs its own call. */
	takeBad(error, msgid) {
		const call = this.calls.get(msgid);

		if (call === undefined)
			return;
		this.drop(msgid);
		call.fail(new MoroError('GARBLED', `the answer cannot be read: ${error.message}`,
		    { cause: error }));
	}

	takeNews(method, params) {
		// What has another shape is news of a later server, and nothing that is known.
		const [first, second] = Array.isArray(params) ? params : [];

		if (method === 'progress' && isMap(second) && 'done' in second)
			this.calls.get(first)?.onProgress?.(second);
		this.emit('notification', method, params);
		if (method === 'backpressure' && isMap(first))
			this.emit('backpressure', first);
	}

	drop(msgid) {
		this.calls.delete(msgid);
		if (this.calls.size === 0)
			this.hold();
	}

	/** The connection ended, and nobody asked for it. */
	lost(error) {
		this.link = null;
		this.failAll(error);
		this.emit('lost', error);
		if (this.topics.size > 0 && this.settings.reconnect && !this.closed)
			this.revival.persist();
	}

	failAll(error) {
		const calls = [...this.calls.values()];

		this.calls.clear();
		for (const call of calls)
			call.fail(error);
	}

	/** Unanswered calls keep the process alive, an idle connection does not. */
	hold() {
		this.link?.hold(this.pinned || this.calls.size > 0);
	}

	/** An idle connection keeps the process alive from now on. */
	ref() {
		this.pinned = true;
		this.hold();
		return this;
	}

	/** It does not any more. */
	unref() {
		this.pinned = false;
		this.hold();
		return this;
	}

	/** Ends the connection: what has no answer is rejected with CLOSED. */
	async close() {
		if (this.closed)
			return;
		this.closed = true;
		this.revival.stop(closedError());
		this.link?.close();
		this.link = null;
		this.failAll(closedError());
		this.emit('close');
	}
}

function isMap(value) {
	return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function closedError() {
	return new MoroError('CLOSED', 'the client was closed');
}

Object.assign(Client.prototype, control);
if (Symbol.asyncDispose !== undefined) {
	Client.prototype[Symbol.asyncDispose] = function dispose() {
		return this.close();
	};
}

/** Connects to a server: connect(), connect(path), connect(path, options). */
function connect(socketPath, options = {}) {
	if (socketPath !== null && typeof socketPath === 'object')
		return new Client(socketPath).connect();
	return new Client({ path: socketPath, ...options }).connect();
}

module.exports = { Client, connect };
