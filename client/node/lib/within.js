'use strict';

/** A promise that gives up after a time with what error() gives; its timer does not outlive it. */
function within(ms, promise, error) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(error()), ms);
	});

	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { within };
