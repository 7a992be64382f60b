'use strict';

/*
 * transformJSON(data, item => ...): a JavaScript function sees the variables
 * around it, so it cannot be sent to another process. It is run here, item by
 * item, in slices between which the event loop goes on.
 */

const SLICE_MS = 5;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** What the function makes of each element of an array, or of the one value. */
async function transformHere(data, transformer) {
	if (!Array.isArray(data))
		return transformer(data, 0);
	const out = [];
	let end = performance.now() + SLICE_MS;

	for (let i = 0; i < data.length; i++) {
		out.push(await transformer(data[i], i));
		if (performance.now() >= end) {
			await nextTurn();
			end = performance.now() + SLICE_MS;
		}
	}
	return out;
}

module.exports = { transformHere };
