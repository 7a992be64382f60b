/* WorkerManager and the helpers, beyond what the guide's snippets show. MOROD is the program. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import {
	executeOnWorker, getWorkerManager, initializeWorkers, shutdownWorkers, WORKER_TASKS, WorkerManager, workerTasks,
} from 'moro-client';
import { failure, until } from './help.mjs';

const { MORO_SOCKET } = process.env;
const require = createRequire(import.meta.url);
const cwd = path.dirname(fileURLToPath(import.meta.url));
const program = process.env.TEST_MOROD;

/** Whether a process is there. */
function alive(pid) {
	try {
		return !/^\d+ \(.*\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
	} catch {
		return false;
	}
}

/** A manager with a server of its own. */
function own(t, options = {}) {
	const manager = new WorkerManager({ morod: program, morodArgs: ['--debug-tasks'], ...options });

	t.after(() => manager.shutdown());
	return manager;
}

test.beforeEach(() => {
	process.env.MORO_SOCKET = MORO_SOCKET;
});
test.after(() => shutdownWorkers());

test('the ten types have their names', () => {
	assert.deepEqual(Object.values(WORKER_TASKS).sort(), ['computation:heavy', 'crypto:decrypt', 'crypto:encrypt',
		'crypto:hash', 'data:compress', 'data:decompress', 'image:process', 'json:transform', 'jwt:sign', 'jwt:verify']);
});

test('helpers: passwords, keys, random bytes, jq, analytics', async () => {
	const hash = await workerTasks.hashPassword('correct horse', { memory: 8 << 20, iterations: 1 });

	assert.deepEqual(await workerTasks.verifyPassword('correct horse', hash, { memory: 8 << 20, iterations: 1 }),
	    { valid: true, needsRehash: false, algorithm: 'argon2id' });
	assert.equal((await workerTasks.verifyPassword('wrong', hash)).valid, false);
	assert.equal((await workerTasks.randomBytes(16)).length, 16);
	assert.match((await workerTasks.generateKey('ec')).privateKey, /^-----BEGIN PRIVATE KEY/);
	assert.deepEqual(await workerTasks.transformJSON([{ n: 1 }, { n: 5 }], '.n + 1'), [2, 6]);
	assert.equal(await workerTasks.transformJSON({ a: [1, 2] }, '.a | add'), 3);
	assert.equal((await failure(workerTasks.transformJSON([], 5))).field, 'transformer');
	const how = { metrics: ['sum:n'], partial: true };
	const parts = [await workerTasks.processAnalytics([{ n: 1 }], how), await workerTasks.processAnalytics([{ n: 2 }], how)];

	assert.equal((await workerTasks.mergeAnalytics(parts)).groups[0].metrics['sum:n'], 3);
	assert.equal(await workerTasks.hash('abc', 'md5'), '900150983cd24fb0d6963f7d28e17f72');
	const secret = await workerTasks.encrypt(Buffer.from([1, 2]), 'a secret of the tests');

	assert.ok((await workerTasks.decrypt(secret, 'a secret of the tests')).equals(Buffer.from([1, 2])));
});

test('helpers: tokens with options', async () => {
	const token = await workerTasks.signJWT({ a: 1 }, 'secret', { expiresIn: -5 });
	const old = await workerTasks.verifyJWT(token, 'secret');

	assert.deepEqual([old.valid, old.error], [false, 'jwt expired']);
	assert.equal((await workerTasks.verifyJWT(token, 'secret', { ignoreExpiration: true })).payload.a, 1);
	assert.equal((await failure(workerTasks.verifyJWT(token, 'secret', { raise: true }))).message, 'jwt expired');
});

test('helpers: every format of compression, and bytes back', async () => {
	const text = 'morod '.repeat(1000);
	const readers = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, brotli: zlib.brotliDecompressSync };

	for (const input of [text, Buffer.from(text), new Uint8Array(Buffer.from(text))]) {
		for (const [format, read] of Object.entries(readers)) {
			const packed = await workerTasks.compress(input, { format });

			assert.ok(packed.length < text.length);
			assert.equal(read(packed).toString(), text);
			assert.equal(await workerTasks.decompress(packed, { format }), text);
		}
	}
	const bytes = await workerTasks.decompressData(await workerTasks.compressData(Buffer.from([0xff])), { encoding: 'buffer' });

	assert.ok(bytes.equals(Buffer.from([0xff])));
	assert.match((await failure(workerTasks.compressData('x', { format: 'zip' }))).message, /Unknown compression format/);
});

test('helpers take options of the call', async () => {
	const error = await failure(workerTasks.heavyComputation('primes', { to: 1e9, list: false }, { timeout: 20 }));

	assert.equal(error.code, 'TIMEOUT');
});

test('a function for transformJSON leaves the event loop its turns', async () => {
	let turns = 0;
	const timer = setInterval(() => turns++, 1);
	const busy = (n) => {
		for (const end = performance.now() + 2; performance.now() < end;)
			; // a heavy function
		return n * 2;
	};
	const out = await workerTasks.transformJSON(Array.from({ length: 50 }, (_, i) => i), busy);

	clearInterval(timer);
	assert.deepEqual(out.slice(0, 3), [0, 2, 4]);
	assert.ok(turns >= 5, `${turns} turns`);
	assert.equal(await workerTasks.transformJSON(4, async (n) => n + 1), 5);
	assert.equal((await failure(workerTasks.transformJSON([1], () => { throw new Error('mine'); }))).message, 'mine');
});

test('there is one manager for the program, until its shutdown', async () => {
	const first = getWorkerManager();

	assert.equal(first, getWorkerManager());
	assert.equal(await initializeWorkers(), first);
	assert.equal(await executeOnWorker({ type: 'debug:echo', data: 1 }), 1);
	await shutdownWorkers();
	assert.equal((await failure(first.executeTask({ type: 'debug:echo' }))).code, 'SHUTTING_DOWN');
	assert.notEqual(getWorkerManager(), first);
	assert.equal(await executeOnWorker({ type: 'debug:echo', data: 2 }), 2);
});

test('a task that is none is refused', async () => {
	for (const task of [null, 'x', {}, { type: 5 }])
		assert.equal((await failure(executeOnWorker(task))).code, 'INVALID_ARGUMENT');
});

test('shutdown lets tasks finish, and leaves a shared server alone', async () => {
	const manager = new WorkerManager();
	const task = manager.executeTask({ type: 'debug:sleep', data: { ms: 100 } });

	assert.equal(manager.getStats().outstanding, 1);
	await manager.shutdown();
	assert.equal(await task, 100);
	assert.equal(manager.getStats().isShuttingDown, false); // the server is not
	assert.equal(await executeOnWorker({ type: 'debug:echo', data: 3 }), 3);
});

test('statistics have both spellings, and are no older than the manager says', async (t) => {
	const manager = new WorkerManager({ statsEvery: 5 });

	t.after(() => manager.shutdown());
	assert.deepEqual([manager.getStats().queueSize, manager.getStats().ageMs], [0, null]);
	const stats = await until(() => {
		const now = manager.getStats();

		return now.ageMs !== null && now;
	});

	assert.deepEqual([stats.workerCount, stats.queuedTasks], [stats.workers, stats.queueSize]);
	assert.equal(stats.maxQueueSize, (await manager.stats()).maxQueueSize);
});

test('without a server nothing is started for statistics, or for shutdown', async () => {
	delete process.env.MORO_SOCKET;
	const manager = new WorkerManager({ morod: program });

	assert.equal(manager.getStats().activeTasks, 0);
	await manager.shutdown();
	assert.equal(manager.server, null);
});

test('a server of the program\'s own: started, shared, resized, ended', async (t) => {
	delete process.env.MORO_SOCKET;
	const manager = own(t, { workerCount: 2, maxQueueSize: 77 });

	assert.notEqual(manager.connecting, null, 'a count that was given starts it at once');
	assert.equal(await manager.executeTask({ type: 'debug:echo', data: 'own' }), 'own');
	const { workers, maxQueueSize } = await manager.stats();
	const { pid } = (await manager.ready()).hello;

	assert.deepEqual([workers, maxQueueSize], [2, 77]);
	const second = own(t, { workerCount: 1 });

	assert.equal(await second.executeTask({ type: 'debug:echo', data: 'two' }), 'two');
	assert.equal((await second.ready()).hello.pid, pid);
	await until(async () => (await manager.stats()).workers === 1, 'one worker');
	await manager.scale(3);
	await until(async () => (await second.stats()).workers === 3, 'three workers');
	await second.shutdown();
	assert.ok(alive(pid), 'another manager needs it');
	const { folder } = manager.server;

	await manager.shutdown();
	assert.ok(!alive(pid));
	assert.ok(!fs.existsSync(folder));
});

test('where nobody listens on the system\'s socket any more, one is started, by $MOROD or from PATH', async (t) => {
	const where = require(path.join(path.dirname(require.resolve('moro-client/package.json')), 'lib', 'where.js'));
	const { systemPath } = where;
	const { PATH } = process.env;
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'moro-stale-'));

	t.after(() => {
		where.systemPath = systemPath;
		process.env.PATH = PATH;
		delete process.env.MOROD;
		fs.rmSync(folder, { recursive: true });
	});
	delete process.env.MORO_SOCKET;
	where.systemPath = () => path.join(folder, 'stale.sock');
	process.env.PATH = folder;
	assert.equal((await failure(new WorkerManager().ready())).code, 'NO_SERVER');
	for (const how of [{ MOROD: program }, { PATH: path.dirname(program) }]) {
		Object.assign(process.env, how);
		const manager = new WorkerManager();

		assert.ok((await manager.executeTask({ type: 'crypto:hash', data: { input: 'a' } })).startsWith('ca978112'));
		await manager.shutdown();
		delete process.env.MOROD;
	}
	where.systemPath = () => MORO_SOCKET;
	const shared = new WorkerManager();

	assert.equal(await shared.executeTask({ type: 'debug:echo', data: 1 }), 1);
	assert.equal(shared.server, null);
	await shared.shutdown();
});

test('an own server that died is replaced by the next task', async (t) => {
	delete process.env.MORO_SOCKET;
	const manager = own(t);
	const { pid } = (await manager.ready()).hello;

	process.kill(pid, 'SIGKILL');
	await until(() => manager.server.gone, 'its end');
	assert.equal(await manager.executeTask({ type: 'debug:echo', data: 'new' }), 'new');
	assert.notEqual((await manager.ready()).hello.pid, pid);
});

test('an own server that cannot start says why', async (t) => {
	delete process.env.MORO_SOCKET;
	const error = await failure(own(t, { morodArgs: ['--no-such-option'] }).executeTask({ type: 'debug:echo' }));

	assert.equal(error.code, 'NO_SERVER');
	assert.match(error.message, /no-such-option/);
});

for (const signal of ['SIGKILL', 'SIGTERM', null]) {
	test(`an own server ends with its program: ${signal ?? 'it returns'}`, async (t) => {
		const child = spawn(process.execPath, ['--input-type=module', '-e', `
			import { initializeWorkers, executeOnWorker } from "moro-client";
			const manager = await initializeWorkers({ morod: process.env.TEST_MOROD });
			await executeOnWorker({ type: "crypto:hash", data: { input: "a" } });
			console.log((await manager.ready()).hello.pid, manager.server.folder);
			${signal ? 'setInterval(() => {}, 1000);' : ''}`],
		{ cwd, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, TEST_MOROD: program } });

		t.after(() => child.kill('SIGKILL'));
		const exit = once(child, 'exit');
		const [pid, folder] = String((await once(child.stdout, 'data'))[0]).trim().split(' ');

		t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
		assert.ok(signal === null || alive(pid));
		if (signal !== null)
			child.kill(signal);
		assert.deepEqual(await exit, signal === null ? [0, null] : [null, signal]);
		await until(() => !alive(pid), 'the end of morod');
		await until(() => !fs.existsSync(folder), 'the end of its folder');
	});
}
