'use strict';

/* A call's options, as the server takes them. */

const { MoroError } = require('./error.js');

// Options that are for this library and not for the server.
const OWN = new Set(['signal', 'onProgress']);

/** Refuses what cannot work, with the server's own words for it. */
function refuse(name, why) {
	throw new MoroError('INVALID_OPTION', `option ${name} ${why}`, { option: name });
}

/**
 * The map for the wire, or undefined if it says nothing. What is not known is
 * passed on: the server refuses it, so a mistyped limit is not taken for none.
 */
function wireOptions(options = {}) {
	let map;

	for (const [name, value] of Object.entries(options)) {
		if (value === undefined || value === null || OWN.has(name))
			continue;
		if (name === 'fds' || name === 'resultFd')
			refuse(name, 'takes descriptors, which Node cannot pass; send a Buffer');
		(map ??= {})[name] = name === 'id' ? String(value) : value;
	}
	if (options.onProgress !== undefined) {
		if (typeof options.onProgress !== 'function')
			refuse('onProgress', 'takes a function');
		(map ??= {}).progress = true;
	}
	if (options.signal !== undefined && typeof options.signal?.addEventListener !== 'function')
		refuse('signal', 'takes an AbortSignal');
	return map;
}

module.exports = { wireOptions };
