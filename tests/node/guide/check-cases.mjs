/* The guide's Use Cases, and the complete example. */
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { workerTasks } from 'moro-client';
import { runSnippet } from './load.mjs';
import { appOf, env, NO_IMAGES, PNG, sha256, shown, snippet } from './suite.mjs';
import { failure } from '../help.mjs';

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
