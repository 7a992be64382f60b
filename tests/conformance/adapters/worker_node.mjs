// The package moro-client as a worker that tools/conformance tests.
import { setTimeout as pause } from 'node:timers/promises';
import { MoroError, run, task } from 'moro-client/worker';

task('conform:echo', { idempotent: true }, (data) => data);
task('conform:fail', ({ code, message }) => {
	throw new MoroError(code, message);
});
task('conform:attempt', (_, ctx) => ctx.attempt);
task('conform:progress', (data, ctx) => {
	for (let done = 1; done <= data; done++)
		ctx.progress(done, data);
	return data;
});
task('conform:slow', { softCancel: true }, async (data, ctx) => {
	ctx.progress(0);
	await pause(data, undefined, { signal: ctx.signal });
	return 'done';
});
run();
