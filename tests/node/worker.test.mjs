/* Workers: the test plays morod, over a socketpair or over stdin and stdout. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Peer, until } from './help.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const program = path.join(folder, 'worker-program.mjs');

/** Starts a worker as morod does, with its channel at descriptor 3 or at stdio. */
function start(t, { stdio = false, file = program } = {}) {
	const env = { PATH: process.env.PATH, ...(stdio ? { MORO_CHANNEL: 'stdio' } : { MORO_FD: '3' }) };
	const child = spawn(process.execPath, [file], {
		env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
	});
	const worker = { child, out: '', err: '', exit: once(child, 'exit') };

	t.after(() => child.kill('SIGKILL'));
	child.stderr.on('data', (text) => {
		worker.err += text;
	});
	if (stdio) {
		worker.peer = new Peer(child.stdout, child.stdin);
	} else {
		worker.peer = new Peer(child.stdio[3]);
		child.stdout.on('data', (text) => {
			worker.out += text;
		});
	}
	return worker;
}

/** The same, greeted; gives the answer to hello. */
async function greeted(t, how) {
	const worker = start(t, how);

	worker.peer.send([0, 0, 'hello', [{ proto: 1, server: '0.1.0', pool: 'p', worker: 1, types: [] }]]);
	worker.hello = await worker.peer.next((m) => m[0] === 1 && m[1] === 0, 'the answer to hello');
	return worker;
}

/** Has a task done, and gives [error, result]. */
async function done(worker, n, type, data, info = {}) {
	worker.peer.send([0, n, type, [data, info]]);
	return (await worker.peer.next((m) => m[0] === 1 && m[1] === n, `answer ${n}`)).slice(2);
}

test('hello is answered with the types and what was said of them', async (t) => {
	const { hello } = await greeted(t);

	assert.equal(hello[2], null);
	assert.deepEqual(hello[3].types.find((one) => one.name === 'test:echo'), { name: 'test:echo' });
	assert.deepEqual(hello[3].types.find((one) => one.name === 'test:wait'),
	    { name: 'test:wait', idempotent: true, softCancel: true, timeout: 5000, about: 'waits' });
});

test('a morod of a later protocol is told of in the log, and served', async (t) => {
	const worker = start(t);

	worker.peer.send([0, 0, 'hello', [{ proto: 2, server: '9.0.0', pool: 'p', worker: 1, types: [] }]]);
	assert.equal((await worker.peer.next((m) => m[1] === 0, 'the answer to hello'))[2], null);
	await until(() => worker.err.includes('morod speaks protocol 2, this library 1'));
	assert.deepEqual(await done(worker, 1, 'test:echo', 1), [null, 1]);
});

for (const stdio of [false, true]) {
	const where = stdio ? 'stdio' : 'the descriptor';

	test(`tasks are done over ${where}, and printing does not disturb them`, async (t) => {
		const worker = await greeted(t, { stdio });

		assert.deepEqual(await done(worker, 1, 'test:echo', { a: [1, 'x'] }), [null, { a: [1, 'x'] }]);
		assert.deepEqual(await done(worker, 2, 'test:print', 'from the worker'), [null, 'printed']);
		assert.deepEqual(await done(worker, 4_000_000_000, 'test:nothing', null), [null, null]);
		assert.ok(Buffer.from((await done(worker, 4, 'test:bytes', Buffer.from('abc')))[1])
			.equals(Buffer.from('abcabc')));
		await until(() => (stdio ? worker.err : worker.out).includes('from the worker'), 'the printed line');
	});

	test(`the end of ${where} ends the worker with status 0`, async (t) => {
		const worker = await greeted(t, { stdio });

		worker.peer.writable.end();
		assert.deepEqual(await worker.exit, [0, null]);
	});
}

test('what is thrown is an error, and its stack is in the log', async (t) => {
	const worker = await greeted(t);
	const [error, result] = await done(worker, 1, 'test:throw', 'broken');

	assert.deepEqual([error, result],
	    [{ code: 'WORKER_ERROR', reason: 'failed', message: 'TypeError: broken' }, null]);
	await until(() => /TypeError: broken\n\s+at /.test(worker.err), 'a stack on stderr');
	const [own] = await done(worker, 2, 'test:refuse', 'width');

	assert.deepEqual([own.code, own.message, own.field], ['INVALID_ARGUMENT', 'bad width', 'width']);
	const [made] = await done(worker, 3, 'test:code', 'MADE_UP');

	assert.equal(made.code, 'WORKER_ERROR');
	assert.equal((await done(worker, 4, 'test:unsendable'))[0].code, 'INVALID_ARGUMENT');
	assert.equal((await done(worker, 5, 'test:none'))[0].code, 'UNKNOWN_TASK');
	assert.equal((await done(worker, 6, 'nonsense'))[0].code, 'UNSUPPORTED');
	assert.deepEqual(await done(worker, 7, 'test:echo', 1), [null, 1]);
});

test('progress is sent to who wants it, while the handler computes', async (t) => {
	const worker = await greeted(t);

	assert.equal((await done(worker, 1, 'test:steps', 3, { progress: true }))[1], 3);
	const told = worker.peer.messages.filter((m) => m[0] === 2 && m[1] === 'progress');

	assert.deepEqual(told.map((m) => m[2]), [
		[1, { done: 1, total: 3, note: 'step 1' }], [1, { done: 2, total: 3, note: 'step 2' }],
		[1, { done: 3, total: 3, note: 'step 3' }]]);
	worker.peer.messages.length = 0;
	await done(worker, 2, 'test:steps', 3);
	assert.equal(worker.peer.messages.length, 0);
	worker.peer.send([0, 3, 'test:stuck', [null, { progress: true }]]);
	await worker.peer.next((m) => m[0] === 2 && m[2][0] === 3, 'progress of a handler that never returns');
});

test('attempt is told', async (t) => {
	const worker = await greeted(t);

	assert.deepEqual(await done(worker, 1, 'test:attempt'), [null, 1]);
	assert.deepEqual(await done(worker, 2, 'test:attempt', null, { attempt: 3 }), [null, 3]);
});

test('a cancel aborts the signal of its task', async (t) => {
	const worker = await greeted(t);

	worker.peer.send([0, 1, 'test:wait', [null, { progress: true }]]);
	await worker.peer.next((m) => m[1] === 'progress', 'its begin');
	worker.peer.send([2, 'cancel', [99]], [2, 'cancel', [1]]);
	const [, , error] = await worker.peer.next((m) => m[0] === 1 && m[1] === 1, 'its answer');

	assert.equal(error.code, 'CANCELLED');
	worker.peer.send([0, 2, 'test:poll', [null, { progress: true }]]);
	await worker.peer.next((m) => m[1] === 'progress', 'its begin');
	worker.peer.send([2, 'cancel', [2]]);
	const [, , , cleaned] = await worker.peer.next((m) => m[0] === 1 && m[1] === 2, 'its answer');

	assert.equal(cleaned, 'cleaned up');
});

test('without a channel, and with wrong types, the program says so', async (t) => {
	const { run, task } = await import('moro-client/worker');
	const { createRequire } = await import('node:module');

	assert.equal(createRequire(import.meta.url)('moro-client/worker').task, task);
	assert.throws(() => run({ env: {} }), /MORO_FD is not set/);
	assert.throws(() => run({ env: { MORO_FD: 'x' } }), /MORO_FD/);
	assert.throws(() => task('nocolon', () => 1), /colon/);
	assert.throws(() => task('a:b', {}), /function/);
	assert.throws(() => task('a:b', { timout: 1 }, () => 1), /unknown option timout/);
	task('a:b', () => 1);
	assert.throws(() => task('a:b', () => 1), /there already/);
});
