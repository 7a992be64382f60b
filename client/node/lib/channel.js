'use strict';

/*
 * Messages over a pair of streams, mostly the two directions of one socket.
 * What is sent in one tick is written in one piece.
 */

const { Frames } = require('./frames.js');
const { decode, encode } = require('./codec.js');

// Up to here messages are copied together; more are handed over as they are.
const GATHER = 64 * 1024;

class Channel {
	/** `on`: message(array), bad(error, msgid) and end(error?), which comes once. */
	constructor(readable, writable, on, limit) {
		this.readable = readable;
		this.writable = writable;
		this.on = on;
		this.frames = new Frames(limit);
		this.outgoing = [];
		this.outgoingBytes = 0;
		this.writes = 0;
		this.ended = false;
		this.flush = this.flush.bind(this);
		readable.on('data', (chunk) => this.take(chunk));
		readable.on('end', () => this.end());
		readable.on('close', () => this.end());
		readable.on('error', (error) => this.end(error));
		if (writable !== readable)
			writable.on('error', (error) => this.end(error));
	}

	/** Sends a message that is encoded already, with others of this tick. */
	sendBytes(bytes) {
		if (this.ended)
			return;
		if (this.outgoing.length === 0)
			process.nextTick(this.flush);
		this.outgoing.push(bytes);
		this.outgoingBytes += bytes.length;
	}

	send(message) {
		this.sendBytes(encode(message));
	}

	/** Writes what was gathered. */
	flush() {
		const outgoing = this.outgoing;

		if (outgoing.length === 0 || this.ended)
			return;
		this.outgoing = [];
		this.writes++;
		if (outgoing.length === 1) {
			this.writable.write(outgoing[0]);
		} else if (this.outgoingBytes <= GATHER) {
			this.writable.write(Buffer.concat(outgoing));
		} else {
			this.writable.cork?.();
			for (const bytes of outgoing)
				this.writable.write(bytes);
			this.writable.uncork?.();
		}
		this.outgoingBytes = 0;
	}

	/** Takes what came. A message that cannot be understood costs its own call only. */
	take(chunk) {
		let frames;

		try {
			frames = this.frames.feed(chunk);
		} catch (error) {
			this.end(error);
			return;
		}
		for (const frame of frames) {
			if (this.ended)
				return;
			this.deliverSafely(frame);
		}
	}

	/** What a listener throws is the program's, and does not cost the messages behind. */
	deliverSafely(frame) {
		try {
			this.deliver(frame);
		} catch (error) {
			queueMicrotask(() => {
				throw error;
			});
		}
	}

	deliver(frame) {
		let message;

		try {
			message = decode(frame);
		} catch (error) {
			this.on.bad(error, msgidOf(frame.bytes));
			return;
		}
		if (Array.isArray(message))
			this.on.message(message);
		else
			this.end(new RangeError('a message is an array'));
	}

	/** Ends the channel, once; with an error, if there was one. */
	end(error) {
		if (this.ended)
			return;
		this.ended = true;
		this.outgoing = [];
		this.readable.destroy?.();
		this.on.end(error);
	}
}

/** The number of a response whose rest cannot be decoded; undefined: it is none. */
function msgidOf(bytes) {
	if (bytes[0] !== 0x94 || bytes[1] !== 1)
		return undefined;
	const size = { 0xcc: 1, 0xcd: 2, 0xce: 4 }[bytes[2]];

	return size === undefined ? bytes[2] : bytes.readUIntBE(3, size);
}

module.exports = { Channel };
