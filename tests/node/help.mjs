/* What the tests share. MORO_SOCKET is a server with two workers and debug tasks. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { decodeMulti, encode } from '@msgpack/msgpack';
import { connect } from 'moro-client';

export const DEADLINE = 20_000;

/** Polls until the condition gives something true, and gives that. */
export async function until(condition, what = 'the condition') {
	const end = Date.now() + DEADLINE;

	for (;;) {
		const value = await condition();

		if (value)
			return value;
		assert.ok(Date.now() < end, `${what} did not come true`);
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

/** A client that is closed at the end of its test. */
export async function client(t, path = process.env.MORO_SOCKET, options = {}) {
	const c = await connect(path, options);

	t.after(() => c.close());
	return c;
}

/** The error of a promise that is not kept. */
export async function failure(promise) {
	return promise.then((value) => assert.fail(`an error was expected, not ${value}`),
	    (error) => error);
}

/** The end of a morod's connection that a test plays: what came, and sending. */
export class Peer {
	constructor(stream, writable = stream) {
		this.writable = writable;
		this.messages = [];
		this.ended = false;
		this.rest = Buffer.alloc(0);
		this.stream = stream;
		stream.on('data', (chunk) => this.take(chunk));
		stream.on('close', () => {
			this.ended = true;
		});
		stream.on('error', () => {});
	}

	/** For tests all messages are small: those that came are decoded one by one. */
	take(chunk) {
		this.rest = Buffer.concat([this.rest, chunk]);
		let taken = 0;

		try {
			for (const message of decodeMulti(this.rest)) {
				this.messages.push(message);
				taken += encode(message).length;
			}
		} catch (error) {
			if (!(error instanceof RangeError))
				throw error;
		}
		this.rest = this.rest.subarray(taken);
	}

	send(...messages) {
		this.writable.write(Buffer.concat(messages.map((m) => encode(m))));
	}

	/** The first message that is as wanted, once it is there. */
	async next(wanted, what = 'a message') {
		const message = await until(() => this.messages.find(wanted), what);

		this.messages.splice(this.messages.indexOf(message), 1);
		return message;
	}
}

/** Greets as morod does. */
export const HELLO = {
	server: 'morod', version: '0', proto: 1, features: [], types: [],
	limits: { maxFrame: 1 << 20, maxDepth: 32, maxValues: 1000 }, role: 'admin', pid: 1, started: 0,
};

/** A server that a test plays; `greet`: whether it answers hello by itself. */
export async function fakeServer(t, folder, greet = true) {
	const peers = [];
	const server = net.createServer((socket) => {
		const peer = new Peer(socket);

		peers.push(peer);
		if (greet)
			peer.next((m) => m[2] === 'hello', 'hello').then((m) => peer.send([1, m[1], null, HELLO]));
	});
	const path = `${folder}/${Math.random().toString(36).slice(2)}.sock`;

	await new Promise((resolve) => server.listen(path, resolve));
	t.after(() => {
		server.close();
		for (const peer of peers)
			peer.stream.destroy();
	});
	return { path, peers, server };
}
