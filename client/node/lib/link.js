'use strict';

/* One connection from its making to its end: socket, greeting, messages. */

const net = require('node:net');

const { Channel } = require('./channel.js');
const { MoroError } = require('./error.js');
const { Limits } = require('./limits.js');
const { within } = require('./within.js');
const { version } = require('../package.json');

// An answer may be larger than a request: see libmoro.
const ANSWER_SLACK = 64 * 1024;
const ANSWER_MIN = 128 * 1024 * 1024;

/** The socket, connected. */
function dial(path) {
	return new Promise((resolve, reject) => {
		const socket = net.connect({ path });

		socket.once('connect', () => {
			socket.removeAllListeners('error');
			resolve(socket);
		});
		socket.once('error', (error) => reject(new MoroError('NO_SERVER',
		    `no server on ${path}: ${error.message}`, { cause: error, path })));
	});
}

class Link {
	/** `on`: message(array), bad(error, msgid), end(MoroError). */
	constructor(socket, on) {
		this.socket = socket;
		this.on = on;
		this.limits = new Limits();
		this.hello = null;
		this.lastWords = null; // an error about the connection: the server ends it then
		this.channel = new Channel(socket, socket, {
			message: (message) => this.take(message),
			bad: (error, msgid) => on.bad(error, msgid),
			end: (error) => this.end(error),
		});
	}

	/** Connects and says hello; gives a link, or throws. */
	static async open(path, name, timeoutMs, on) {
		const socket = await dial(path);
		const link = new Link(socket, on);

		try {
			await within(timeoutMs, link.greet(name),
			    () => new MoroError('GARBLED', `no greeting from ${path} in ${timeoutMs} ms`));
		} catch (error) {
			link.close();
			throw error;
		}
		return link;
	}

	/** The greeting goes under the number 0, which no call has. */
	greet(name) {
		return new Promise((resolve, reject) => {
			this.greeting = { resolve, reject };
			this.channel.send([0, 0, 'hello',
			    [{ client: 'moro-client', name, version, proto: 1, errors: 'map' }]]);
		});
	}

	take(message) {
		if (this.greeting === undefined) {
			this.takeLater(message);
			return;
		}
		const { resolve, reject } = this.greeting;
		const [kind, , error, hello] = message;

		this.greeting = undefined;
		if (kind !== 1 || (error ?? null) === null && typeof hello?.limits !== 'object')
			reject(new MoroError('GARBLED', 'the peer does not greet as morod does'));
		else if ((error ?? null) !== null)
			reject(MoroError.fromWire(error));
		else
			resolve(this.greeted(hello));
	}

	/** A message after the greeting. */
	takeLater(message) {
		const [kind, msgid, error] = message;

		if (![0, 1, 2].includes(kind))
			this.channel.end(new RangeError(`a message of kind ${kind}`));
		else if (kind === 1 && msgid === 0 && (error ?? null) !== null)
			this.lastWords = MoroError.fromWire(error);
		else
			this.on.message(message);
	}

	greeted(hello) {
		this.hello = hello;
		this.limits = new Limits(hello.limits);
		this.channel.frames.limit =
		    Math.max(ANSWER_MIN, (hello.limits.maxFrame ?? 0) + ANSWER_SLACK);
	}

	/** The connection is over; `error` if it did not end well. */
	end(error) {
		const broken = error instanceof RangeError;
		const failure = new MoroError(broken ? 'GARBLED' : 'LOST', broken ?
		    `the peer is no morod, or a broken one: ${error.message}` :
		    `the server went away; what was sent may have run${this.why()}`,
		{ cause: error ?? this.lastWords ?? undefined });

		if (this.greeting !== undefined) {
			this.greeting.reject(new MoroError('GARBLED', 'the peer closed without a greeting'));
			this.greeting = undefined;
		} else if (!this.closed) {
			this.on.end(failure);
		}
	}

	/** What the server said of the connection before it ended it. */
	why() {
		return this.lastWords === null ? '' :
		    ` (${this.lastWords.code}: ${this.lastWords.message})`;
	}

	close() {
		this.closed = true;
		this.channel.flush();
		this.socket.destroySoon();
		this.channel.ended = true;
	}

	/** Whether the socket keeps the process alive. */
	hold(yes) {
		if (yes)
			this.socket.ref();
		else
			this.socket.unref();
	}
}

module.exports = { Link, dial };
