/* The guide's Getting Started, Worker Tasks, API Reference, and managers with counts. */
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { getWorkerManager } from 'moro-client';
import { runSnippet } from './load.mjs';
import { appOf, manager, primes, sha256, shown, snippet, statsOf, tooLong } from './suite.mjs';
import { client, failure } from '../help.mjs';

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
