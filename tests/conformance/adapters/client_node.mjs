// The package moro-client as a client that tools/conformance tests.
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { Client, ExtData } from 'moro-client';

const client = new Client({ patience: 0 });
const tasks = new Map(); // by the name that the kit gave
const news = [];

client.on('backpressure', (what) => news.push(what));

/** The value that a tagged one stands for. */
function untag(value) {
	if (Array.isArray(value))
		return value.map(untag);
	if (value === null || typeof value !== 'object')
		return value;
	if ('$bin' in value)
		return Buffer.from(value.$bin, 'hex');
	if ('$int' in value)
		return BigInt(value.$int);
	if ('$repeat' in value)
		return value.$repeat[0].repeat(value.$repeat[1]);
	if ('$ext' in value)
		return new ExtData(value.$ext[0], Buffer.from(value.$ext[1], 'hex'));
	return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, untag(v)]));
}

/** A value as JSON can carry it. */
function tag(value) {
	if (value instanceof Uint8Array)
		return { $bin: Buffer.from(value).toString('hex') };
	if (typeof value === 'bigint')
		return { $int: String(value) };
	if (typeof value === 'number' && !Number.isFinite(value))
		return { $float: String(value).toLowerCase().replace('infinity', 'inf') };
	if (Array.isArray(value))
		return value.map(tag);
	if (value === null || typeof value !== 'object' || value instanceof Date)
		return value;
	if (value instanceof ExtData)
		return { $ext: [value.type, Buffer.from(value.data).toString('hex')] };
	return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, tag(v)]));
}

function start({ type, data, options }, more = {}) {
	const reports = [];
	const { progress, ...given } = { ...options, ...more };

	if (progress)
		given.onProgress = (report) => reports.push(report);
	const promise = client.call(type, untag(data), given);

	promise.catch(() => {}); // it is waited for later, or never
	return { promise, reports };
}

const instructions = {
	connect: async () => {
		await client.connect();
		return { ok: true };
	},
	call: async (given) => ({ result: tag(await start(given).promise) }),
	submit: async (given) => {
		tasks.set(given.as, start(given));
		return { ok: true };
	},
	wait: async ({ as }) => {
		const { promise, reports } = tasks.get(as);

		return { result: tag(await promise), progress: reports };
	},
	cancel: async ({ as }) => {
		await client.cancel(tasks.get(as).promise);
		return { ok: true };
	},
	notify: async ({ type, data }) => {
		await client.notify(type, untag(data));
		return { ok: true };
	},
	request: async ({ method, params }) => ({ result: tag(await client.request(method, params)) }),
	subscribe: async () => ({ result: tag(await client.subscribe()) }),
	news: async () => {
		if (news.length === 0)
			await once(client, 'backpressure');
		return { news: [news.shift()] };
	},
	close: async () => {
		await client.close();
		return { ok: true };
	},
};

async function outcome(given) {
	try {
		return await instructions[given.do](given);
	} catch (error) {
		return { error: { ...error, code: error.code, message: error.message } };
	}
}

for await (const line of createInterface({ input: process.stdin }))
	process.stdout.write(`${JSON.stringify(await outcome(JSON.parse(line)))}\n`);
process.exit(0);
