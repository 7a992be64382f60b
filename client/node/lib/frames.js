'use strict';

/*
 * Where one MessagePack message ends and the next begins. A message is scanned
 * as its bytes arrive and decoded once, when it is whole: a large one that
 * comes in a thousand pieces is neither decoded nor copied a thousand times.
 */

// What follows a first byte from 0xc0 to 0xdf: [bytes of length or of content, kind].
const FIXED = 0; // content of that many bytes
const SIZED = 1; // a length of that many bytes, then the content
const ARRAY = 2; // a count of that many bytes, then so many values
const MAP = 3; // the same, twice as many values
const BIN = 4; // as SIZED, and bytes
const EXT = 5; // as SIZED, with one more byte of type
const INT64 = 6;
const HEADS = [
	[0, FIXED], null, [0, FIXED], [0, FIXED], // nil, never used, false, true
	[1, BIN], [2, BIN], [4, BIN],
	[1, EXT], [2, EXT], [4, EXT],
	[4, FIXED], [8, FIXED], // floats
	[1, FIXED], [2, FIXED], [4, FIXED], [8, INT64], // unsigned
	[1, FIXED], [2, FIXED], [4, FIXED], [8, INT64], // signed
	[2, FIXED], [3, FIXED], [5, FIXED], [9, FIXED], [17, FIXED], // fixext
	[1, SIZED], [2, SIZED], [4, SIZED], // strings
	[2, ARRAY], [4, ARRAY], [2, MAP], [4, MAP],
];

/** The length or count of 1, 2 or 4 bytes. */
function readLength(bytes, at, size) {
	if (size === 1)
		return bytes[at];
	if (size === 2)
		return (bytes[at] << 8) | bytes[at + 1];
	return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) |
	    bytes[at + 3]) >>> 0;
}

/** Whether 8 bytes are an integer that a JavaScript number does not hold. */
function isUnsafe(bytes, at, signed) {
	const high = readLength(bytes, at, 4);

	return high > 0x1fffff && !(signed && high >= 0xffe00000);
}

class Frames {
	/** `limit`: the most bytes that one message may have. */
	constructor(limit = Infinity) {
		this.limit = limit;
		this.parts = []; // pieces of the message that is not whole
		this.held = 0; // bytes in parts
		this.reset();
	}

	/** A new message begins. */
	reset() {
		this.left = 1; // values that are still to come
		this.skip = 0; // bytes of the current value that are still to come
		this.bin = false; // whether there are bytes in it
		this.big = false; // whether there are integers beyond 2^53 in it
	}

	/**
	 * Takes bytes and gives those of the messages that are whole now, in order:
	 * [{bytes, bin, big}]. Throws where they cannot be MessagePack.
	 */
	feed(chunk) {
		const whole = [];
		let at = 0;

		this.start = 0; // where in the chunk the current message begins
		if (this.head) { // a value's first bytes came with the last chunk
			chunk = Buffer.concat([this.head, chunk]);
			this.head = null;
		}
		while (at < chunk.length) {
			at = this.scan(chunk, at);
			if (this.left > 0 || this.skip > 0)
				break;
			whole.push(this.finish(chunk.subarray(this.start, at)));
			this.start = at;
		}
		this.keep(chunk, this.start, at);
		return whole;
	}

	/** Goes on from `at` to the message's end or the chunk's, or to a head that is cut. */
	scan(chunk, at) {
		for (;;) {
			if (this.skip > 0) {
				const n = Math.min(this.skip, chunk.length - at);

				at += n;
				this.skip -= n;
			}
			if (this.skip > 0 || this.left === 0 || at >= chunk.length)
				return at;
			const size = this.value(chunk, at);

			if (size === 0)
				return at;
			at += size;
		}
	}

	/** Takes the head of a value, and gives its length; 0: it is not whole yet. */
	value(chunk, at) {
		const first = chunk[at];

		if (first < 0x80 || first >= 0xe0) {
			this.left--;
		} else if (first < 0x90) {
			this.left += (first & 15) * 2 - 1;
		} else if (first < 0xa0) {
			this.left += (first & 15) - 1;
		} else if (first < 0xc0) {
			this.left--;
			this.skip = first & 31;
		} else {
			return this.longValue(chunk, at, HEADS[first - 0xc0]);
		}
		return 1;
	}

	/** The same for those whose first byte does not say it all. */
	longValue(chunk, at, head) {
		if (head === null)
			throw new RangeError('byte 0xc1 is not MessagePack');
		const [size, kind] = head;

		if (kind !== FIXED && at + 1 + size > chunk.length)
			return 0;
		if (kind === FIXED) {
			this.left--;
			this.skip = size;
			return 1;
		}
		if (kind === INT64) {
			this.left--;
			this.big = this.big || isUnsafe(chunk, at + 1, chunk[at] === 0xd3);
			return 9;
		}
		const n = readLength(chunk, at + 1, size);

		if (kind === ARRAY || kind === MAP) {
			this.left += n * (kind === MAP ? 2 : 1) - 1;
		} else {
			this.left--;
			this.skip = kind === EXT ? n + 1 : n;
			this.bin = this.bin || kind === BIN;
		}
		this.refuseOver(this.held + at - this.start + this.skip + this.left);
		return 1 + size;
	}

	/** What was announced is over the limit: said before it is waited for. */
	refuseOver(size) {
		if (size > this.limit)
			throw new RangeError(`message of more than ${this.limit} bytes`);
	}

	/** Gives the message that ends with these bytes. */
	finish(last) {
		const frame = { bytes: last, bin: this.bin, big: this.big };

		if (this.parts.length > 0) {
			this.parts.push(last);
			frame.bytes = Buffer.concat(this.parts);
			this.parts = [];
			this.held = 0;
		}
		this.reset();
		return frame;
	}

	/** Keeps what belongs to a message that is not whole. */
	keep(chunk, start, at) {
		if (at < chunk.length)
			this.head = chunk.subarray(at);
		if (at > start) {
			this.parts.push(chunk.subarray(start, at));
			this.held += at - start;
			this.refuseOver(this.held);
		}
	}
}

module.exports = { Frames };
