/* What the checks of the snippets share. */
import { createHash } from 'node:crypto';
import test from 'node:test';
import { WorkerManager } from 'moro-client';
import { createApp } from './framework.mjs';
import { runSnippet } from './load.mjs';
import { client, until } from '../help.mjs';

export const SECRET = 'a secret of the tests that is long enough';
export const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==', 'base64');
export const NO_IMAGES = process.env.MORO_IMAGES ? false : 'morod was built without the module image';
export const env = { JWT_SECRET: SECRET, ENCRYPTION_KEY: 'another secret of the tests' };
export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
export const shown = (value) => JSON.parse(JSON.stringify(value)); // as a client of the app gets it
export const ran = new Set();

/** A test of snippet n. */
export function snippet(n, story, fn, skip = false) {
	ran.add(n);
	test(`${n}: ${story}`, { skip }, fn);
}

/** An app with the snippet's handlers. */
export async function appOf(n, given = {}) {
	const app = await createApp();

	await runSnippet(n, { app, process: { env }, ...given });
	return app;
}

/** A manager of its own, with what an application lays down for its tasks. */
export function manager(t, prepare) {
	const workers = new WorkerManager({ prepare });

	t.after(() => workers.shutdown());
	return workers;
}

/** The guide's placeholder operations stand for something that computes. */
export const primes = (task) => task.type === 'heavy:computation' ?
	{ ...task, data: { operation: 'primes', params: { to: 20 } } } : task;
/** The same for ever, with little time. */
export const tooLong = (task) => ({ ...task, timeout: 30,
	data: { operation: 'primes', params: { to: 1e9, list: false } } });

/** A console that remembers. */
export function listener() {
	const lines = [];
	const say = (...words) => lines.push(words.join(' '));

	return { lines, log: say, warn: say, error: say };
}

/** Waits until the manager's statistics are as wanted. */
export async function statsOf(workers, wanted) {
	return until(() => {
		const stats = workers.getStats();

		return wanted(stats) && stats;
	}, 'the statistics');
}

/** Has the queue filled with so many tasks until the test ends. */
export async function fillQueue(t, count) {
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

/** A response that gives what it was told. */
export const res = { status: (code) => ({ json: (body) => ({ code, body }) }) };
