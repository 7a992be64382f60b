/* Runs one snippet in a process of its own: node run.mjs N. */
import { getWorkerManager } from 'moro-client';
import { runSnippet } from './load.mjs';

await runSnippet(Number(process.argv[2]));
process.stdout.write('ready\n');
if (process.argv[3] !== undefined) {
	// A task that is at work when the signal comes.
	getWorkerManager().execute('debug:sleep', { ms: Number(process.argv[3]) })
		.then((ms) => process.stdout.write(`slept ${ms}\n`));
}
setInterval(() => {}, 1000); // a server would keep it alive
