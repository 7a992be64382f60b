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

// Encoders that take BigInts write whole numbers from 2^32 on as floats, which
// the server does not take for integers. So data are tried without BigInts first.
const OPTIONS = { ignoreUndefined: true, maxDepth: MAX_DEPTH };
const encoder = new Encoder(OPTIONS);
const wideEncoder = new Encoder({ ...OPTIONS, useBigInt64: true });
const numbers = new Decoder({ mapKeyConverter: keyOf });
const bigInts = new Decoder({ useBigInt64: true, mapKeyConverter: keyOf });

/** A map's key as an object's: MessagePack allows others than strings. */
function keyOf(key) {
	if (typeof key === 'string' || typeof key === 'number')
		return key;
	return String(key instanceof Uint8Array ? Buffer.from(key) : key);
}

/** The bytes of a value. Throws INVALID_ARGUMENT for what has none. */
function encode(value) {
	try {
		return encoder.encode(value);
	} catch (error) {
		return encodeWide(value, error);
	}
}

/** The same of what has BigInts; `error` is what is wrong if it has none. */
function encodeWide(value, error) {
	const found = { bigInts: 0 };

	try {
		const wide = widen(value, found, MAX_DEPTH);

		if (found.bigInts > 0)
			return wideEncoder.encode(wide);
	} catch (other) {
		error = other;
	}
	throw new MoroError('INVALID_ARGUMENT', `data cannot be sent: ${error.message}`,
	    { field: 'data', cause: error });
}

/** A copy whose whole numbers over 32 bits are BigInts, too. */
function widen(value, found, depth) {
	if (depth === 0)
		throw new RangeError('it is too deep');
	if (typeof value === 'bigint')
		return wholeOf64(value, found);
	if (typeof value === 'number')
		return Number.isSafeInteger(value) && (value | 0) !== value ? BigInt(value) : value;
	if (Array.isArray(value))
		return value.map((v) => widen(v, found, depth - 1));
	if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) ||
	    value instanceof ExtData || value instanceof Date)
		return value;
	return Object.fromEntries(Object.entries(value)
		.map(([k, v]) => [k, widen(v, found, depth - 1)]));
}

/** A BigInt that has a place in 64 bits: the encoder would cut others off. */
function wholeOf64(value, found) {
	if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
		throw new RangeError('a BigInt has more than 64 bits');
	found.bigInts++;
	return value;
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

module.exports = { encode, decode, Encoder, Decoder, ExtData, OPTIONS };
