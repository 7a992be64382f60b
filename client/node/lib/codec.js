'use strict';

/*
 * JavaScript values and MessagePack. Integers that a number holds exactly are
 * numbers, others are BigInts; bytes are Buffers; keys whose value is undefined
 * are left out, as JSON.stringify() does.
 */

const { Encoder, Decoder, ExtData } = require('@msgpack/msgpack');
const { MoroError } = require('./error.js');

// As deep as the encoder may go: it guards against cycles; the server's own
// limit is checked where it is known.
const MAX_DEPTH = 1000;

const ENCODER = { useBigInt64: true, ignoreUndefined: true, maxDepth: MAX_DEPTH };
const encoder = new Encoder(ENCODER);
const numbers = new Decoder({ mapKeyConverter: keyOf });
const bigInts = new Decoder({ useBigInt64: true, mapKeyConverter: keyOf });

/** A map's key as an object's: MessagePack allows others than strings. */
function keyOf(key) {
	if (typeof key === 'string' || typeof key === 'number')
		return key;
	return String(key instanceof Uint8Array ? Buffer.from(key) : key);
}

/** The bytes of a value. Throws INVALID_ARGUMENT for what has none. */
function encode(value, by = encoder) {
	try {
		return by.encode(value);
	} catch (error) {
		throw new MoroError('INVALID_ARGUMENT',
		    `data cannot be sent: ${error.message}`, { field: 'data', cause: error });
	}
}

/** The value of a message as Frames gives it. */
function decode(frame) {
	const value = (frame.big ? bigInts : numbers).decode(frame.bytes);

	return frame.bin || frame.big ? refine(value) : value;
}

/** A Buffer of its own, unless most of what lies behind it is its own anyway. */
function ownBuffer(bytes) {
	if (bytes.length * 2 < bytes.buffer.byteLength)
		return Buffer.from(bytes);
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Makes Buffers of bytes, and numbers of BigInts that fit. */
function refine(value) {
	if (typeof value === 'bigint')
		return Number.isSafeInteger(Number(value)) ? Number(value) : value;
	if (value === null || typeof value !== 'object')
		return value;
	if (value instanceof Uint8Array)
		return ownBuffer(value);
	if (value instanceof ExtData || value instanceof Date)
		return value;
	for (const key of Object.keys(value))
		value[key] = refine(value[key]);
	return value;
}

module.exports = { encode, decode, Encoder, Decoder, ExtData, OPTIONS: ENCODER };
