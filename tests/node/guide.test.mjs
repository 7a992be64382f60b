/* The guide's snippets, each run with a real morod, and what came of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { getWorkerManager, MoroError, shutdownWorkers, WorkerManager, workerTasks } from 'moro-client';
import { createApp } from './guide/framework.mjs';
import { folder, runSnippet, snippets } from './guide/load.mjs';
import { client, failure, until } from './help.mjs';

const SECRET = 'a secret of the tests that is long enough';
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==', 'base64');
const NO_IMAGES = process.env.MORO_IMAGES ? false : 'morod was built without the module image';
const env = { JWT_SECRET: SECRET, ENCRYPTION_KEY: 'another secret of the tests' };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const shown = (value) => JSON.parse(JSON.stringify(value)); // as a client of the app gets it
const ran = new Set();

/** A test of snippet n. */
function snippet(n, story, fn, skip = false) {
	ran.add(n);
	test(`${n}: ${story}`, { skip }, fn);
}

/** An app with the snippet's handlers. */
async function appOf(n, given = {}) {
	const app = await createApp();

	await runSnippet(n, { app, process: { env }, ...given });
	return app;
}

/** A manager of its own, with what an application lays down for its tasks. */
function manager(t, prepare) {
	const workers = new WorkerManager({ prepare });

	t.after(() => workers.shutdown());
	return workers;
}

/** The guide's placeholder operations stand for something that computes. */
const primes = (task) => task.type === 'heavy:computation' ?
	{ ...task, data: { operation: 'primes', params: { to: 20 } } } : task;
/** The same for ever, with little time. */
const tooLong = (task) => ({ ...task, timeout: 30,
	data: { operation: 'primes', params: { to: 1e9, list: false } } });

/** A console that remembers. */
function listener() {
	const lines = [];
	const say = (...words) => lines.push(words.join(' '));

	return { lines, log: say, warn: say, error: say };
}

/** Waits until the manager's statistics are as wanted. */
async function statsOf(workers, wanted) {
	return until(() => {
		const stats = workers.getStats();

		return wanted(stats) && stats;
	}, 'the statistics');
}

/** Has the queue filled with so many tasks until the test ends. */
async function fillQueue(t, count) {
	const c = await client(t);
	const calls = [];

	await c.pause();
	for (let i = 0; i < count; i++)
		calls.push(c.call('debug:echo', i));
	await until(async () => (await c.stats()).queueSize >= count);
	return async () => {
		await c.resume();
		await Promise.all(calls);
	};
}

test.after(() => shutdownWorkers());

snippet(1, 'a hash on a worker', async () => {
	const { app } = await runSnippet(1, {}, ['app']);
	const answer = await app.request('POST', '/api/hash', { body: { password: 'pw' } });

	assert.deepEqual(answer.body, { hash: sha256('pw') });
	assert.equal(app.port, 3000);
});

for (const [n, wanted] of [[2, ['app', 'workers']], [19, ['workers']], [30, ['workers']]]) {
	snippet(n, 'a manager with counts', async (t) => {
		const { workers, app } = await runSnippet(n, {}, wanted);

		t.after(() => workers.shutdown());
		assert.equal(await workers.executeTask({ id: 'x', type: 'crypto:hash', data: { input: 'a' } }), sha256('a'));
		assert.ok((await statsOf(workers, (s) => s.ageMs !== null)).workers > 0);
		if (app !== undefined)
			assert.equal(app.options.workers.count, 4);
	});
}

snippet(3, 'tokens are made and checked', async () => {
	const app = await appOf(3, { authenticateUser: async (body) => ({ id: 7, role: body.role }) });
	const { token } = (await app.request('POST', '/api/auth/login', { body: { role: 'admin' } })).body;
	const good = await app.request('POST', '/api/auth/verify', { body: { token } });
	const bad = await app.request('POST', '/api/auth/verify', { body: { token: `${token}x` } });

	assert.deepEqual([good.body.user.userId, good.body.user.role], [7, 'admin']);
	assert.equal(good.body.user.exp - good.body.user.iat, 7 * 24 * 3600);
	assert.deepEqual([bad.status, bad.body], [401, { error: 'Invalid token' }]);
});

snippet(4, 'hashing, encrypting and decrypting', async () => {
	const kept = new Map();
	const app = await appOf(4, {
		createUser: async (user) => user, getSecret: async (id) => ({ data: kept.get(id) }),
	});

	assert.equal((await app.request('POST', '/api/register',
	    { body: { email: 'a@b', password: 'pw' } })).body.password, sha256('pw'));
	const { encrypted } = (await app.request('POST', '/api/secrets', { body: { secret: 'grüß' } })).body;

	assert.equal(typeof encrypted, 'string');
	kept.set('1', encrypted);
	assert.deepEqual((await app.request('GET', '/api/secrets/:id', { params: { id: '1' } })).body, { secret: 'grüß' });
});

snippet(5, 'compressing and decompressing', async () => {
	const data = Array.from({ length: 500 }, (_, i) => ({ i, text: 'the same' }));
	const imported = [];
	const app = await appOf(5, {
		getLargeDataset: async () => data, importData: async (all) => imported.push(...all),
	});
	const out = await app.request('GET', '/api/export');

	assert.equal(out.headers['content-encoding'], 'gzip');
	assert.ok(Buffer.isBuffer(out.body));
	assert.deepEqual(JSON.parse(zlib.gunzipSync(out.body)), data);
	// as bytes, as a Buffer that went through JSON, and as base64
	for (const body of [out.body, shown(out.body), out.body.toString('base64')]) {
		assert.deepEqual((await app.request('POST', '/api/import', { body: { data: body } })).body,
		    { success: true, records: 500 });
	}
	assert.equal(imported.length, 1500);
});

snippet(6, 'computing, and a transformer with a variable from around it', async () => {
	const app = await appOf(6, { expensiveTransform: (item) => item.n * 2 });

	assert.deepEqual((await app.request('POST', '/api/calculate',
	    { body: { operation: 'primes', params: { to: 10 } } })).body,
	{ result: { count: 4, primes: [2, 3, 5, 7] } });
	assert.deepEqual((await app.request('POST', '/api/transform', { body: { data: [{ n: 1 }, { n: 2 }] } })).body,
	    [{ n: 1, computed: 2 }, { n: 2, computed: 4 }]);
});

snippet(7, 'tasks of three priorities', async (t) => {
	const c = await client(t);
	const before = Object.fromEntries((await c.stats()).priorities.map((p) => [p.priority, p.outcomes.completed]));

	await runSnippet(7);
	for (const { priority, outcomes } of (await c.stats()).priorities)
		assert.equal(outcomes.completed, before[priority] + 1, priority);
});

for (const n of [8, 31]) {
	snippet(n, 'a long task with a timeout', async (t) => {
		await runSnippet(n, { workers: manager(t, primes) });
		const error = await failure(runSnippet(n, { workers: manager(t, tooLong) }));

		assert.equal(error.code, 'TIMEOUT');
		// without prepare the placeholder is what it is: no operation
		assert.equal((await failure(runSnippet(n, { workers: manager(t) }))).code, 'INVALID_ARGUMENT');
	});
}

snippet(14, 'a task without a manager', async () => {
	const { workers, result } = await runSnippet(14, {}, ['workers', 'result']);

	assert.equal(workers, getWorkerManager());
	assert.equal(result, sha256('test'));
});

/** A table of users, as the snippets ask for them. */
function users(...all) {
	return {
		findOne: async (what) => all.find((u) => Object.entries(what).every(([k, v]) => u[k] === v)) ?? null,
		create: async (user) => {
			all.push({ id: all.length + 1, ...user });
			return all.at(-1);
		},
		find: async () => all,
	};
}

snippet(15, 'an authentication system', async () => {
	const user = { id: 5, email: 'a@b', password: 'pw', role: 'x' };
	const { app } = await runSnippet(15, {
		process: { env }, db: { users: users(user) }, verifyPassword: async (a, b) => a === b,
	}, ['app']);
	const login = await app.request('POST', '/api/login', { body: { email: 'a@b', password: 'pw' } });
	const profile = (token) => app.request('GET', '/api/profile', { headers: { authorization: token } });

	assert.deepEqual(login.body.user, { id: 5, email: 'a@b' });
	assert.equal((await profile(`Bearer ${login.body.token}`)).body, user);
	assert.equal((await profile('Bearer x.y.z')).status, 401);
	assert.equal((await profile()).status, 401);
	assert.equal((await app.request('POST', '/api/login', { body: { email: 'a@b', password: 'no' } })).status, 401);
});

snippet(16, 'data out and in again', async () => {
	const inserted = [];
	const app = await appOf(16, { db: { collection: {
		find: () => ({ toArray: async () => [{ _id: 1, a: 'x' }, { _id: 2, a: 'y' }] }),
		insertMany: async (all) => inserted.push(...all),
	} } });
	const out = await app.request('GET', '/api/export');
	const exported = JSON.parse(zlib.gunzipSync(out.body));

	assert.deepEqual(exported.map((one) => [one.id, one.a]), [['1', 'x'], ['2', 'y']]);
	assert.ok(!Number.isNaN(Date.parse(exported[0].exportedAt)));
	assert.deepEqual((await app.request('POST', '/api/import', { body: out.body })).body,
	    { success: true, imported: 2 });
	assert.ok(inserted.every((one) => one.status === 'active' && one.importedAt instanceof Date));
});

snippet(17, 'images are resized', async () => {
	const app = await appOf(17);

	for (const image of [PNG, PNG.toString('base64'), shown(PNG)]) {
		const { body } = await app.request('POST', '/api/images/resize', { body: { image, width: 8, height: 6 } });
		const info = await workerTasks.imageInfo(body.image);
		const thumbs = (await app.request('POST', '/api/images/thumbnails', { body: { images: [image, image] } })).body;

		assert.deepEqual([info.width, info.height], [8, 6]);
		assert.equal(thumbs.thumbnails.length, 2);
		assert.equal((await workerTasks.imageInfo(thumbs.thumbnails[1])).width, 150);
	}
}, NO_IMAGES);

snippet(18, 'events are processed in batches', async () => {
	const events = Array.from({ length: 2500 }, (_, i) => ({ timestamp: i }));
	const app = await appOf(18, { db: { events: { find: () => ({ toArray: async () => events }) } } });
	const { body } = await app.request('POST', '/api/analytics/process');

	assert.equal(body.processed, 2500);
	assert.equal(body.results.events, 500); // of the last batch: the snippet keeps no others
});

snippet(20, 'what is for workers and what is not', async () => {
	await runSnippet(20, {
		password: 'pw', largeData: 'x'.repeat(100_000), complexCalc: { operation: 'primes', params: { to: 9 } },
		db: { users: users() }, fetch: async () => {},
	});
});

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
	const res = (await createApp()).request;
	const answer = { status: (code) => ({ json: (body) => ({ code, body }) }) };
	const console = listener();

	assert.equal(typeof res, 'function');
	assert.deepEqual(await runSnippet(22, { console, res: answer, workers: manager(t, tooLong) }),
	    { code: 504, body: { error: 'Processing timeout' } });
	assert.deepEqual(console.lines, ['Task timed out']);
	await runSnippet(22, { console, res: answer, workers: manager(t, primes) });
	assert.equal((await failure(runSnippet(22, { console, res: answer, workers: manager(t) }))).code,
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

/** A response that gives what it was told. */
const res = { status: (code) => ({ json: (body) => ({ code, body }) }) };

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

snippet(34, 'an authentication service', async () => {
	const { app } = await runSnippet(34, { process: { env }, db: { users: users() } }, ['app']);
	const body = { email: 'a@b', password: 'long enough' };
	const made = await app.request('POST', '/api/register', { body });
	const login = await app.request('POST', '/api/login', { body });
	const profile = await app.request('GET', '/api/profile', { headers: { authorization: `Bearer ${login.body.token}` } });

	assert.deepEqual(made.body.user, { id: 1, email: 'a@b' });
	assert.equal(profile.body.password, sha256('long enough'));
	await failure(app.request('POST', '/api/register', { body: { email: 'a@b', password: 'short' } }));
	assert.equal((await app.request('POST', '/api/login', { body: { ...body, password: 'wrong one' } })).status, 401);
});

test('the table of README.md says what is so', () => {
	const text = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
	const rows = [...text.matchAll(/^\| (\d+) \| `(.*?)` \| (yes|no) \| (yes|no) \|/gm)];

	assert.deepEqual(rows.map((row) => row[2]), snippets());
	assert.deepEqual(rows.filter((row) => row[4] === 'yes').map((row) => Number(row[1])),
	    [...ran].sort((a, b) => a - b));
	const count = (column) => rows.filter((row) => row[column] === 'yes').length;

	assert.ok(text.includes(`${rows.length} snippets, ${count(3)} touch workers, ${count(4)} run`));
});
