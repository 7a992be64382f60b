/* Making, losing and ending connections; a server that the test plays. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { encode } from '@msgpack/msgpack';
import { Client, connect, defaultPath } from 'moro-client';
import { client, failure, fakeServer, HELLO, until } from './help.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'moro-node-'));

test.after(() => fs.rmSync(folder, { recursive: true }));

test('where a server is by default', () => {
	assert.equal(defaultPath({ MORO_SOCKET: '/x' }, 0), '/x');
	assert.equal(defaultPath({}, 0), '/run/moro/morod.sock');
	assert.equal(defaultPath({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), '/run/user/7/morod.sock');
	assert.equal(defaultPath({}, 7), null);
});

test('no server is NO_SERVER, for connect and for every call', async () => {
	const error = await failure(connect(`${folder}/none.sock`));

	assert.deepEqual([error.code, error.retryable], ['NO_SERVER', true]);
	assert.equal((await failure(new Client({ path: `${folder}/none.sock` }).call('a:b'))).code, 'NO_SERVER');
	assert.equal((await failure(new Client({ path: null }).ping())).code, 'NO_SERVER');
});

test('hello asks for errors as maps, under a name', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder, false);
	const connecting = connect({ path: socket, name: 'me' });
	const hello = await until(() => peers[0]?.messages[0], 'hello');

	assert.deepEqual(hello.slice(0, 3), [0, 0, 'hello']);
	assert.deepEqual([hello[3][0].name, hello[3][0].errors, hello[3][0].proto], ['me', 'map', 1]);
	peers[0].send([1, 0, null, HELLO]);
	const c = await connecting;

	t.after(() => c.close());
	assert.equal(c.hello.version, '0');
});

test('a peer that is no morod is GARBLED', async (t) => {
	for (const say of [Buffer.from('HTTP/1.1 400\r\n'), Buffer.from([0xc1]), encode([1, 0, null, 'pong'])]) {
		const { path: socket, server } = await fakeServer(t, folder, false);

		server.on('connection', (s) => s.write(say));
		assert.equal((await failure(connect(socket))).code, 'GARBLED');
	}
	const silent = await fakeServer(t, folder, false);

	assert.equal((await failure(connect(silent.path, { connectTimeout: 20 }))).code, 'GARBLED');
	const closing = await fakeServer(t, folder, false);

	closing.server.on('connection', (s) => s.end());
	assert.equal((await failure(connect(closing.path))).code, 'GARBLED');
});

test('an answer that cannot be read costs its own call', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const call = failure(c.call('a:b'));
	const [, msgid] = await peers[0].next((m) => m[2] === 'a:b');
	const key = encode('__proto__');

	peers[0].writable.write(Buffer.concat([Buffer.from([0x94, 1, msgid, 0xc0, 0x81]), key, Buffer.from([1])]));
	assert.equal((await call).code, 'GARBLED');
	const next = c.call('a:c');

	peers[0].send([1, (await peers[0].next((m) => m[2] === 'a:c'))[1], null, 5]);
	assert.equal(await next, 5);
});

test('notifications of a later server do no harm', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const told = [];
	const call = c.call('a:b', null, { onProgress: (report) => told.push(report) });
	const [, msgid] = await peers[0].next((m) => m[2] === 'a:b');

	for (const params of [[], null, [msgid], [msgid, 5], { a: 1 }]) {
		peers[0].send([2, 'progress', params]);
		peers[0].send([2, 'backpressure', params]);
	}
	peers[0].send([2, 'progress', [msgid, { done: 1, later: 2 }]]);
	peers[0].send([1, msgid, null, 5]);
	assert.equal(await call, 5);
	assert.deepEqual(told, [{ done: 1, later: 2 }]);
});

test('what the server says before it ends stands in the error', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const call = failure(c.call('a:b'));

	await peers[0].next((m) => m[2] === 'a:b');
	peers[0].send([1, 0, { code: 'PROTOCOL_ERROR', message: 'no descriptors' }, null]);
	peers[0].stream.end();
	const error = await call;

	assert.match(error.message, /PROTOCOL_ERROR: no descriptors/);
	assert.deepEqual([error.code, error.cause.code], ['LOST', 'PROTOCOL_ERROR']);
});

test('a message of a kind that there is not is GARBLED', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const call = failure(c.call('a:b'));

	await peers[0].next((m) => m[2] === 'a:b');
	peers[0].send([7, 1, null, 1]);
	assert.equal((await call).code, 'GARBLED');
});

test('a lost connection fails what was sent, and the next call makes a new one', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const lost = new Promise((resolve) => c.once('lost', resolve));
	const call = failure(c.call('a:b'));

	await peers[0].next((m) => m[2] === 'a:b');
	peers[0].stream.destroy();
	const error = await call;

	assert.deepEqual([error.code, error.retryable], ['LOST', false]);
	assert.equal(await lost, error);
	assert.equal(c.connected, false);
	const again = c.call('a:c');
	const late = c.call('a:d'); // both wait for the same connection

	for (const name of ['a:c', 'a:d']) {
		const peer = await until(() => peers[1]);

		peer.send([1, (await peer.next((m) => m[2] === name))[1], null, name]);
	}
	assert.deepEqual(await Promise.all([again, late]), ['a:c', 'a:d']);
	assert.equal(peers.length, 2);
});

test('a call waits for a server that is being restarted, but not for ever', async (t) => {
	const first = await fakeServer(t, folder);
	const c = await client(t, first.path, { patience: 20_000 });
	const short = await client(t, first.path, { patience: 60 });

	first.server.close();
	first.peers.forEach((peer) => peer.stream.destroy());
	await until(() => !c.connected && !short.connected);
	assert.equal((await failure(short.call('a:b'))).code, 'NO_SERVER');
	const call = c.call('a:b');
	const abort = new AbortController();
	const aborted = failure(c.call('a:x', null, { signal: abort.signal }));

	assert.equal(c.outstanding, 2);
	abort.abort('enough');
	assert.deepEqual([(await aborted).code, (await aborted).cause], ['CANCELLED', 'enough']);
	const second = await fakeServer(t, folder);

	fs.renameSync(second.path, first.path);
	const peer = await until(() => second.peers[0]);

	peer.send([1, (await peer.next((m) => m[2] === 'a:b'))[1], null, 'back']);
	assert.equal(await call, 'back');
	assert.equal(c.outstanding, 0);
});

test('with reconnect off there is no second connection', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket, { reconnect: false });

	peers[0].stream.destroy();
	await until(() => !c.connected);
	assert.equal((await failure(c.ping())).code, 'LOST');
	assert.equal(peers.length, 1);
});

test('a subscription is renewed on a connection that nobody asked for', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const news = [];
	const subscribed = c.subscribe();
	const request = await peers[0].next((m) => m[2] === 'subscribe');

	c.on('backpressure', (one) => news.push(one));
	peers[0].send([1, request[1], null, []]);
	await subscribed;
	peers[0].stream.destroy();
	const peer = await until(() => peers[1], 'a new connection');

	await peer.next((m) => m[2] === 'subscribe', 'a new subscription');
	peer.send([2, 'backpressure', [{ state: 'high' }]]);
	assert.deepEqual(await until(() => news[0]), { state: 'high' });
});

test('close rejects what has no answer, and is final', async (t) => {
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await client(t, socket);
	const call = failure(c.call('a:b'));

	await c.close();
	await c.close();
	assert.equal((await call).code, 'CLOSED');
	assert.equal((await failure(c.ping())).code, 'CLOSED');
	await until(() => peers[0].ended, 'the end at the server');
	assert.ok(peers[0].messages.some((m) => m[2] === 'a:b'), 'what was sent before close is sent');
});

test('a client can be disposed of', async (t) => {
	if (Symbol.asyncDispose === undefined)
		return t.skip('this Node has no Symbol.asyncDispose');
	const { path: socket, peers } = await fakeServer(t, folder);
	const c = await connect(socket);

	await c[Symbol.asyncDispose]();
	await until(() => peers[0].ended);
});
