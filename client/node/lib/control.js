'use strict';

/*
 * The control methods of proto/PROTOCOL.md, section 5, which Client takes over:
 * each is one request.
 */

/** A method that sends its arguments as they are; undefined ones are left out. */
function method(name) {
	return function control(...params) {
		while (params.length > 0 && params[params.length - 1] === undefined)
			params.pop();
		return this.request(name, params);
	};
}

/** Cancels a call by {msgid} or {id}, by its number or id alone, or by its promise. */
async function cancel(which) {
	if (which instanceof Promise)
		return this.request('cancel', [{ msgid: await numberOf(this, which) }]);
	if (typeof which === 'number')
		return this.request('cancel', [{ msgid: which }]);
	return this.request('cancel', [typeof which === 'string' ? { id: which } : which]);
}

/** A call's number, which it has when it was sent. */
async function numberOf(client, promise) {
	if (promise.msgid === undefined) {
		await client.ready();
		await new Promise((resolve) => setImmediate(resolve)); // it was waiting, too
	}
	return promise.msgid;
}

/** Asks for news, and gives how things are now. It lasts over lost connections. */
async function subscribe(topic = 'backpressure') {
	const now = await this.request('subscribe', [topic]);

	this.topics.add(topic);
	return now;
}

/** Has enough of them. */
async function unsubscribe(topic = 'backpressure') {
	this.topics.delete(topic);
	return this.request('unsubscribe', [topic]);
}

/** scale(4), scale('2:8'), scale({pool, workers}). */
function scale(workers) {
	return this.request('scale', [typeof workers === 'string' ? { workers } : workers]);
}

/** Has the server stop: shutdown(), or shutdown({now: true}). */
function shutdown(how) {
	return this.request('shutdown', how === undefined ? [] : [how]);
}

module.exports = {
	cancel, subscribe, unsubscribe, scale, shutdown,
	ping: method('ping'),
	types: method('types'),
	stats: method('stats'),
	ls: method('ls'),
	slow: method('slow'),
	poison: method('poison'),
	clients: method('clients'),
	pause: method('pause'),
	resume: method('resume'),
	drain: method('drain'),
	reload: method('reload'),
	log: method('log'),
};
