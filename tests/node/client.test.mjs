/* Calls, their options, their errors, and control methods, with a real morod. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import * as moro from 'moro-client';
import { client, failure, until } from './help.mjs';

const { MoroError } = moro;
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('both entries give the same objects', () => {
	const cjs = createRequire(import.meta.url)('moro-client');

	for (const name of Object.keys(cjs))
		assert.equal(moro[name], cjs[name], name);
	assert.ok(Object.keys(cjs).length > 10);
});

test('a call gives its result, and the greeting is there', async (t) => {
	const c = await client(t, undefined);

	assert.equal(await c.call('crypto:hash', { input: 'abc' }), ABC);
	assert.equal(c.hello.server, 'morod');
	assert.equal(c.connected, true);
	assert.ok((await c.clients()).some((one) => one.name === c.name));
});

test('values come back as they went', async (t) => {
	const c = await client(t);
	const values = [null, true, 0, -1, 1.5, 2 ** 32, 2 ** 53 - 1, -(2 ** 40), 2n ** 53n, -(2n ** 62n),
		2n ** 64n - 1n, -(2 ** 53), 'grüß', '', Buffer.from([0, 255]), Buffer.alloc(300_000, 7), [], {},
		[[{ a: Buffer.from('x'), n: 2n ** 60n, small: 2 ** 40 }]], Array.from({ length: 70_000 }, (_, i) => i)];

	for (const value of values)
		assert.deepEqual(await c.call('debug:echo', value), value);
	assert.deepEqual(await c.call('debug:echo', { a: 1, b: undefined }), { a: 1 });
	assert.ok(Buffer.isBuffer(await c.call('debug:echo', new Uint8Array([1]))));
	assert.equal(await c.call('debug:echo'), null);
	const small = await c.call('debug:echo', Buffer.from('xyz'));

	assert.ok(small.buffer.byteLength < 20_000, 'a short result does not hold on to what it came with');
});

test('whole numbers are integers, beside BigInts too', async (t) => {
	const c = await client(t);
	const from = 2 ** 39; // the server takes no float here
	const primes = { count: 1, primes: [549_755_813_911] };

	for (const params of [{ from, to: from + 25 }, { from: BigInt(from), to: from + 25 }])
		assert.deepEqual(await c.call('heavy:computation', { operation: 'primes', params }), primes);
	for (const wrong of [2n ** 64n, -(2n ** 63n) - 1n, [{ a: 2n ** 70n }]])
		assert.equal((await failure(c.call('debug:echo', wrong))).code, 'INVALID_ARGUMENT');
	const cycle = [1n];

	cycle.push(cycle);
	assert.equal((await failure(c.call('debug:echo', cycle))).code, 'INVALID_ARGUMENT');
});

test('a large message is whole in both directions', async (t) => {
	const c = await client(t);
	const big = Buffer.alloc(30 << 20, 'morod');

	assert.ok(big.equals(await c.call('debug:echo', big)));
});

test('requests of one tick are one write, and answers find their calls', async (t) => {
	const c = await client(t);
	const before = c.link.channel.writes;
	const numbers = Array.from({ length: 300 }, (_, i) => i);
	const answers = await Promise.all(numbers.map((n) => c.call('debug:echo', n)));

	assert.deepEqual(answers, numbers);
	assert.equal(c.link.channel.writes, before + 1);
	assert.equal(c.outstanding, 0);
});

test('errors have code, reason and details', async (t) => {
	const c = await client(t);
	const late = await failure(c.call('debug:sleep', { ms: 60_000 }, { timeout: 30 }));

	assert.ok(late instanceof MoroError && late instanceof Error);
	assert.deepEqual([late.name, late.code, late.option, late.limit, late.retryable],
	    ['MoroError', 'TIMEOUT', 'timeout', 30, true]);
	assert.ok(late.message.includes('timeout'));
	const failed = await failure(c.call('debug:fail', { message: 'broken' }));

	assert.deepEqual([failed.code, failed.reason, failed.retryable], ['WORKER_ERROR', 'failed', false]);
	assert.ok(failed.message.includes('broken'));
	assert.equal((await failure(c.call('crypto:hash', {}))).field, 'input');
	assert.equal((await failure(c.call('no:such', {}))).code, 'UNKNOWN_TASK');
	assert.equal(JSON.parse(JSON.stringify(late)).code, 'TIMEOUT');
	const crashed = await failure(c.call('debug:crash', { signal: 'SIGSEGV' }, { idempotent: false }));

	assert.deepEqual([crashed.reason, crashed.signal], ['crashed', 'SIGSEGV']);
});

test('a wrong option is refused, by the server or before', async (t) => {
	const c = await client(t);

	assert.equal((await failure(c.call('debug:echo', 1, { timout: 5 }))).option, 'timout');
	const fds = await failure(c.call('debug:echo', 1, { fds: 1 }));

	assert.deepEqual([fds.code, fds.option], ['INVALID_OPTION', 'fds']);
	assert.ok(fds.message.includes('Node cannot'));
	assert.equal((await failure(c.call('debug:echo', 1, { onProgress: 1 }))).option, 'onProgress');
	assert.equal((await failure(c.call('debug:echo', 1, { signal: 1 }))).option, 'signal');
});

test('what the server would hang up for costs its own call', async (t) => {
	const c = await client(t);
	const cycle = {};
	let deep = {};

	cycle.cycle = cycle;
	for (let i = 1; i < c.hello.limits.maxDepth; i++)
		deep = { deep };
	assert.deepEqual(await c.call('debug:echo', deep), deep);
	assert.equal((await failure(c.call('debug:echo', { deep }))).code, 'TOO_LARGE');
	assert.equal((await failure(c.call('debug:echo', [[deep, 1]]))).code, 'TOO_LARGE');
	assert.equal((await failure(c.call('debug:echo', cycle))).code, 'INVALID_ARGUMENT');
	assert.equal((await failure(c.call('debug:echo', () => 1))).code, 'INVALID_ARGUMENT');
	assert.equal((await failure(c.call('debug:echo', Buffer.alloc(65 << 20)))).limit, 64 << 20);
	const many = new Array(c.hello.limits.maxValues).fill(1);

	assert.equal((await failure(c.call('debug:echo', many))).code, 'TOO_LARGE');
	assert.equal(await c.ping(), 'pong');
});

test('a signal cancels a call: before it is sent, while it waits, while it runs', async (t) => {
	const c = await client(t);
	const early = await failure(c.call('debug:echo', 1, { signal: AbortSignal.abort('never mind') }));

	assert.deepEqual([early.code, early.reason, early.cause], ['CANCELLED', 'client', 'never mind']);
	const why = new Error('why');
	const abort = new AbortController();
	const running = failure(c.call('debug:sleep', { ms: 60_000 }, { id: 'abort', signal: abort.signal }));

	await until(async () => (await c.ls({ state: 'running' })).some((one) => one.id === 'abort'));
	abort.abort(why);
	const error = await running;

	assert.deepEqual([error.code, error.reason, error.cause], ['CANCELLED', 'client', why]);
	const done = new AbortController();

	assert.equal(await c.call('debug:echo', 1, { signal: done.signal }), 1);
	done.abort(); // nothing happens
	assert.equal(await c.ping(), 'pong');
});

test('cancel by number, by id and by promise', async (t) => {
	const c = await client(t);
	const forms = [(p) => p.msgid, () => 'by-id', (p) => p, (p) => ({ msgid: p.msgid })];

	for (const form of forms) {
		const call = c.call('debug:sleep', { ms: 60_000 }, { id: 'by-id' });
		const end = failure(call);

		assert.match((await c.cancel(form(call))).state, /^(queued|running)$/);
		assert.equal((await end).code, 'CANCELLED');
	}
	assert.equal((await c.cancel({ id: 'nobody' })).state, 'unknown');
	const late = new moro.Client(); // has no connection yet, and so the call no number

	t.after(() => late.close());
	const call = late.call('debug:sleep', { ms: 60_000 });
	const end = failure(call);

	assert.equal(call.msgid, undefined);
	assert.match((await late.cancel(call)).state, /^(queued|running)$/);
	assert.equal((await end).code, 'CANCELLED');
});

test('progress is told while a task runs', async (t) => {
	const c = await client(t);
	const told = [];

	await c.call('debug:work', { ms: 300, steps: 10 }, { onProgress: (p) => told.push(p) });
	assert.ok(told.length > 0);
	assert.equal(told[0].total, 10);
	assert.ok(told.every((p, i) => i === 0 || p.done > told[i - 1].done));
});

test('a batch has a result or an error for each element', async (t) => {
	const c = await client(t);
	const elements = await c.batch('crypto:hash', [{ input: 'abc' }, { wrong: 1 }]);

	assert.equal(elements[0].result, ABC);
	assert.ok(elements[1].error instanceof MoroError);
	assert.equal(elements[1].error.field, 'wrong');
	assert.equal((await failure(c.batch('crypto:hash', 'no array'))).code, 'INVALID_ARGUMENT');
});

test('options reach the server', async (t) => {
	const c = await client(t);
	const call = c.call('debug:sleep', { ms: 60_000 }, { id: 7, priority: 'low', timeout: 50_000 });
	const end = failure(call);
	const seen = await until(async () => (await c.ls()).find((one) => one.id === '7'), 'the task');

	assert.equal(seen.priority, 'low');
	assert.equal((await failure(c.call('debug:echo', 1, { id: '7' }))).code, 'DUPLICATE_ID');
	await c.cancel(call);
	await end;
	assert.deepEqual(await c.call('debug:work', { steps: 1, fails: 2 },
	    { retry: { max: 2, on: ['error'] } }), { steps: 1, attempt: 3 });
});

test('a notification runs, and nobody hears of it', async (t) => {
	const c = await client(t);
	const before = (await c.stats()).completed;

	await c.notify('debug:echo', 1, { priority: 'high' });
	await until(async () => (await c.stats()).completed > before, 'the task');
});

test('control methods', async (t) => {
	const c = await client(t);

	assert.equal(await c.ping(), 'pong');
	assert.deepEqual(await c.ping({ a: 1 }), { a: 1 });
	assert.equal((await c.types('crypto:hash'))[0].type, 'crypto:hash');
	assert.ok((await c.types()).length > 10);
	assert.ok(Array.isArray(await c.slow(5)) && Array.isArray(await c.poison()));
	assert.equal(await c.pause('debug:echo'), true);
	const waits = c.call('debug:echo', 'paused');

	await until(async () => (await c.ls({ type: 'debug:echo' })).length === 1);
	assert.equal(await c.resume('debug:echo'), true);
	assert.equal(await waits, 'paused');
	assert.equal(await c.scale(3), true);
	await until(async () => (await c.stats()).workers === 3, 'three workers');
	assert.equal(await c.scale('2:2'), true);
	await until(async () => (await c.stats()).workers === 2, 'two workers');
	assert.equal(typeof (await c.reload()).warnings, 'string');
	assert.equal(await c.log(), 'info');
	assert.equal((await failure(c.request('nonsense'))).code, 'UNKNOWN_METHOD');
});

test('news of the queue are events', async (t) => {
	const c = await client(t);
	const states = [];

	c.on('backpressure', (news) => states.push(news.state));
	const [now] = await c.subscribe();

	assert.equal(now.state, 'low');
	await c.pause();
	const calls = Array.from({ length: now.maxQueueSize }, () => c.call('debug:echo', 1));

	await until(() => states.includes('high'), 'high');
	await c.resume();
	await Promise.all(calls);
	await until(() => states.at(-1) === 'low', 'low again');
	assert.equal(await c.unsubscribe(), true);
});

test('a full queue is QUEUE_FULL', async (t) => {
	const c = await client(t);

	await c.pause();
	const { maxQueueSize } = await c.stats();
	const calls = Array.from({ length: maxQueueSize }, () => c.call('debug:echo', 1));
	const error = await failure(c.call('debug:echo', 1));

	assert.deepEqual([error.code, error.reason, error.retryable], ['QUEUE_FULL', 'count', true]);
	assert.equal(error.limit, maxQueueSize);
	await c.resume();
	await Promise.all(calls);
});
