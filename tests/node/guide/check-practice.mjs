/* The guide's Best Practices, Advanced Usage, Troubleshooting. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { getWorkerManager, MoroError, workerTasks } from 'moro-client';
import { createApp } from './framework.mjs';
import { folder, runSnippet } from './load.mjs';
import {
	appOf, fillQueue, listener, manager, NO_IMAGES, PNG, primes, res, SECRET, sha256, shown, snippet, statsOf, tooLong,
} from './suite.mjs';
import { client, failure, until } from '../help.mjs';

snippet(21, 'priorities, with a secret that the application lays down', async (t) => {
	const token = await workerTasks.signJWT({ a: 1 }, SECRET);
	const given = { token, input: 'x', events: [{ timestamp: 1 }] };
	const withSecret = (task) => task.type === 'jwt:verify' ?
		{ ...task, data: { ...task.data, secret: SECRET } } : task;

	await runSnippet(21, { ...given, workers: manager(t, withSecret) });
	// as it stands it has no secret to verify with
	assert.equal((await failure(runSnippet(21, { ...given, workers: manager(t) }))).field, 'secret');
});

snippet(22, 'a timeout is known by its message', async (t) => {
	const console = listener();

	assert.deepEqual(await runSnippet(22, { console, res, workers: manager(t, tooLong) }),
	    { code: 504, body: { error: 'Processing timeout' } });
	assert.deepEqual(console.lines, ['Task timed out']);
	await runSnippet(22, { console, res, workers: manager(t, primes) });
	assert.equal((await failure(runSnippet(22, { console, res, workers: manager(t) }))).code,
	    'INVALID_ARGUMENT');
});

snippet(23, 'many tasks at once', async () => {
	const items = Array.from({ length: 50 }, (_, i) => ({ password: `pw${i}` }));
	const { results } = await runSnippet(23, { items }, ['results']);

	assert.deepEqual(results, items.map((item) => sha256(item.password)));
});

snippet(24, 'the health of workers', async (t) => {
	const rounds = [];
	const console = listener();
	const workers = manager(t);
	const app = await appOf(24, { console, workers, setInterval: (fn) => rounds.push(fn) });
	const [look] = rounds;
	const release = await fillQueue(t, 550);

	await statsOf(workers, (s) => s.queueSize > 500);
	look();
	assert.match(console.lines.at(-1), /^Worker queue is getting large/);
	const metrics = shown((await app.request('GET', '/metrics/workers')).body);

	assert.ok(metrics.queueSize > 500 && metrics.workers > 0 && metrics.activeTasks === 0);
	await release();
	await statsOf(workers, (s) => s.queueSize === 0);
	const c = await client(t);
	const busy = Array.from({ length: metrics.workers }, () => c.call('debug:sleep', { ms: 60_000 }));
	const ends = busy.map((call) => failure(call));

	await statsOf(workers, (s) => s.activeTasks === s.workers);
	look();
	assert.equal(console.lines.at(-1), 'All workers are busy');
	await Promise.all(busy.map((call) => c.cancel(call)));
	await Promise.all(ends);
});

snippet(25, 'SIGTERM: what is at work is finished, then the process ends', async (t) => {
	const child = spawn(process.execPath, [path.join(folder, 'run.mjs'), '25', '150'],
	    { stdio: ['ignore', 'pipe', 'inherit'] });
	const c = await client(t);
	let text = '';

	t.after(() => child.kill('SIGKILL'));
	child.stdout.setEncoding('utf8').on('data', (more) => {
		text += more;
	});
	await until(async () => text.includes('ready') && (await c.ls()).length === 1, 'the task');
	child.kill('SIGTERM');
	assert.deepEqual(await once(child, 'exit'), [0, null]);
	assert.match(text, /Shutting down workers\.\.\.\nslept 150\n/);
	assert.equal(await c.ping(), 'pong'); // the server is not the program's, and goes on
});

snippet(26, 'a task type of one\'s own', async (t) => {
	const resize = (task) => task.type === 'custom:image-resize' ? { ...task, type: 'image:resize' } : task;

	assert.equal((await failure(runSnippet(26, { imageBuffer: PNG, workers: manager(t) }))).code, 'UNKNOWN_TASK');
	if (!NO_IMAGES)
		await runSnippet(26, { imageBuffer: PNG, workers: manager(t, resize) });
});

snippet(27, 'a look at the queue before adding to it', async (t) => {
	const workers = getWorkerManager();
	const task = { id: 'x', type: 'crypto:hash', data: { input: 'x' } };

	assert.deepEqual(await runSnippet(27, { res, task }), {});
	const release = await fillQueue(t, 850);

	await statsOf(workers, (s) => s.queueSize >= 850);
	assert.equal((await runSnippet(27, { res, task })).code, 503);
	await release();
	await statsOf(workers, (s) => s.queueSize === 0);
});

snippet(28, 'managers by load', async (t) => {
	const app = await createApp();
	const { adjustWorkers } = await runSnippet(28, { app }, ['adjustWorkers']);

	app.get('/', () => 'ok');
	assert.equal((await app.request('GET', '/')).body, 'ok');
	const workers = [adjustWorkers(100), adjustWorkers(200)];

	t.after(() => Promise.all(workers.map((one) => one.shutdown())));
	for (const one of workers)
		assert.equal(await one.executeTask({ type: 'crypto:hash', data: { input: 'a' } }), sha256('a'));
});

snippet(29, 'errors by their code', async (t) => {
	const how = {
		WORKER_ERROR: (task) => ({ ...task, type: 'debug:fail', data: { message: 'broken' } }),
		TIMEOUT: (task) => ({ ...task, type: 'debug:sleep', data: { ms: 60_000 }, timeout: 30 }),
	};
	const says = {
		WORKER_ERROR: /^Worker task failed: .*broken/, TIMEOUT: /^Task timed out$/, QUEUE_FULL: /^Worker queue is full$/,
	};
	const check = async (code, prepare) => {
		const console = listener();
		const error = await failure(runSnippet(29, { console, workers: manager(t, prepare) }));

		assert.ok(error instanceof MoroError);
		assert.equal(error.code, code);
		assert.match(console.lines[0], says[code]);
	};

	for (const [code, prepare] of Object.entries(how))
		await check(code, prepare);
	const release = await fillQueue(t, 1000);

	await check('QUEUE_FULL');
	await release();
	await runSnippet(29, { workers: manager(t) });
});

snippet(32, 'a queue that is nearly full', async (t) => {
	const workers = manager(t);

	await statsOf(workers, (s) => s.ageMs !== null && s.queueSize === 0);
	assert.deepEqual(await runSnippet(32, { res, workers }), {});
	const release = await fillQueue(t, 800);

	await statsOf(workers, (s) => s.queueSize >= 800);
	assert.deepEqual(await runSnippet(32, { res, workers }),
	    { code: 503, body: { error: 'Service busy', retryAfter: 60 } });
	await release();
});

snippet(33, 'tasks are checked, and workers are there', async (t) => {
	const rounds = [];
	const console = listener();
	const given = { console, workers: manager(t), setInterval: (fn) => rounds.push(fn) };

	assert.match((await failure(runSnippet(33, { ...given, task: {} }))).message, /^Invalid task data$/);
	await runSnippet(33, { ...given, task: { data: { input: 'x' } } });
	rounds[0](); // before the server said anything
	await statsOf(given.workers, (s) => s.ageMs !== null);
	rounds[0]();
	assert.deepEqual(console.lines, []);
});
