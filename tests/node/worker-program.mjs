/* The worker that worker.test.mjs starts. */
import { setTimeout as wait } from 'node:timers/promises';
import { MoroError, run, task } from 'moro-client/worker';

task('test:echo', (data) => data);
task('test:nothing', async () => {});
task('test:bytes', (data) => Buffer.concat([data, data]));
task('test:print', (text) => {
	console.log(text);
	process.stdout.write('and more\n');
	return 'printed';
});
task('test:throw', (message) => {
	throw new TypeError(message);
});
task('test:refuse', async (field) => {
	throw new MoroError('INVALID_ARGUMENT', `bad ${field}`, { field });
});
task('test:code', (code) => {
	throw new MoroError(code, 'a code of its own');
});
task('test:unsendable', () => () => 1);
task('test:attempt', (_, ctx) => ctx.attempt);
task('test:steps', (n, ctx) => {
	for (let i = 1; i <= n; i++)
		ctx.progress(i, n, `step ${i}`);
	return n;
});
task('test:stuck', (_, ctx) => {
	ctx.progress(1);
	for (;;)
		; // until it is killed
});
task('test:wait', { idempotent: true, softCancel: true, timeout: 5000, about: 'waits' }, async (_, ctx) => {
	ctx.progress(0);
	await wait(60_000, null, { signal: ctx.signal });
});
task('test:poll', { softCancel: true }, async (_, ctx) => {
	ctx.progress(0);
	while (!ctx.cancelled)
		await new Promise((resolve) => setImmediate(resolve));
	return 'cleaned up';
});
run();
