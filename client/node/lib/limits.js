'use strict';

/*
 * What the server would end the connection for is not sent: a message with too
 * many bytes, values or containers in each other is the caller's error alone.
 */

const { Decoder, Encoder, ExtData, OPTIONS, encode } = require('./codec.js');
const { MoroError } = require('./error.js');

// Containers of the envelope around the data: the message, and its params.
const ENVELOPE = 2;

const decoder = new Decoder({ mapKeyConverter: String });

/** Adds up the values below one, and finds how deep containers are nested. */
function measure(value, found, depth = 1) {
	found.values++;
	if (value === null || typeof value !== 'object' || value instanceof Uint8Array ||
	    value instanceof ExtData || value instanceof Date)
		return found;
	found.depth = Math.max(found.depth, depth);
	const inner = Object.values(value);

	if (!Array.isArray(value))
		found.values += inner.length;
	for (const v of inner)
		measure(v, found, depth + 1);
	return found;
}

class Limits {
	/** `limits` are those of the server's hello. */
	constructor({ maxFrame = Infinity, maxDepth = 32, maxValues = Infinity } = {}) {
		this.maxFrame = maxFrame;
		this.maxDepth = maxDepth;
		this.maxValues = maxValues;
		this.encoder = new Encoder({ ...OPTIONS, maxDepth: maxDepth + ENVELOPE });
	}

	/** The bytes of a message. Throws TOO_LARGE, or INVALID_ARGUMENT. */
	encode(message) {
		let bytes;
		let deep = false;

		try {
			bytes = this.encoder.encode(message);
		} catch {
			bytes = encode(message); // its error is the caller's
			deep = true; // perhaps: the encoder counts what is in containers, too
		}
		if (bytes.length > this.maxFrame)
			throw tooLarge('bytes', this.maxFrame);
		// No more values than bytes: small messages need not be counted.
		if (deep || bytes.length > this.maxValues)
			this.check(measure(decoder.decode(bytes), { depth: 0, values: 0 }));
		return bytes;
	}

	check({ depth, values }) {
		if (depth > this.maxDepth + ENVELOPE)
			throw tooLarge('containers in each other', this.maxDepth);
		if (values > this.maxValues)
			throw tooLarge('values', this.maxValues);
	}
}

function tooLarge(what, limit) {
	return new MoroError('TOO_LARGE',
	    `message has too many ${what}; the limit is ${limit}`, { limit });
}

module.exports = { Limits };
