'use strict';

/*
 * What goes wrong. Codes of the server are those of proto/PROTOCOL.md,
 * section 6; these come from here:
 */
const LOCAL = {
	NO_SERVER: true, // nobody listens on the socket
	LOST: false, // the server went away; what was sent may have run
	GARBLED: false, // the peer is not a morod, or a broken one
	CLOSED: false, // close() was called
};

class MoroError extends Error {
	/** `details` become properties: reason, retryable, field, limit, ... */
	constructor(code, message, details = {}) {
		const { cause, ...more } = details;

		super(message, cause === undefined ? undefined : { cause });
		this.code = code;
		this.reason = undefined;
		this.retryable = LOCAL[code] === true;
		for (const [key, value] of Object.entries(more)) {
			if (key !== 'name' && key !== 'stack')
				this[key] = value;
		}
	}

	/** What the wire says, in any of its three shapes. */
	static fromWire(error) {
		const pair = Array.isArray(error) ? error[1] : error;

		if (pair !== null && typeof pair === 'object') {
			const { code, message, ...details } = pair;

			return new MoroError(String(code), String(message), details);
		}
		const [, code, message] = /^([A-Z_]+): (.*)$/s.exec(String(pair)) ??
		    [null, 'WORKER_ERROR', String(pair)];

		return new MoroError(code, message);
	}

	/** All but the stack, for logs and for an answer in JSON. */
	toJSON() {
		return { name: this.name, message: this.message, ...this };
	}
}
Object.defineProperty(MoroError.prototype, 'name', {
	value: 'MoroError', configurable: true, writable: true,
});

module.exports = { MoroError };
