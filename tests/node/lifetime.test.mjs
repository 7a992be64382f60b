/* What keeps a process alive: each case is a process of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const cwd = path.dirname(fileURLToPath(import.meta.url));

/** Runs a program's text, and gives the process. */
function start(t, code) {
	const child = spawn(process.execPath, ['--input-type=module', '-e', code],
	    { cwd, stdio: ['ignore', 'pipe', 'inherit'] });

	t.after(() => child.kill('SIGKILL'));
	child.stdout.setEncoding('utf8');
	return child;
}

const CONNECT = 'import { connect } from "moro-client"; const c = await connect(); ';

test('an idle connection does not keep the process alive', async (t) => {
	const child = start(t, `${CONNECT} await c.ping();`);

	assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a call does, until it is answered', async (t) => {
	const child = start(t, `${CONNECT} c.call("debug:sleep", { ms: 100 }).then(console.log);`);
	const [text] = await once(child.stdout, 'data');

	assert.equal(text, '100\n');
	assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('ref() does, until unref()', async (t) => {
	const child = start(t, `${CONNECT} c.ref(); await c.ping(); console.log("held");
		setTimeout(() => { console.log("late"); c.unref(); }, 100).unref();`);
	let text = '';

	child.stdout.on('data', (more) => {
		text += more;
	});
	assert.deepEqual(await once(child, 'exit'), [0, null]);
	assert.equal(text, 'held\nlate\n');
});

test('a manager that polls its statistics does not', async (t) => {
	const child = start(t, `import { getWorkerManager } from "moro-client";
		const m = getWorkerManager(); await m.executeTask({ type: "debug:echo", data: 1 }); m.getStats();`);

	assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('what a listener throws is told, and costs no answers', async (t) => {
	const child = start(t, `${CONNECT} process.on("uncaughtException", (e) => console.log(e.message));
		await c.call("debug:work", { ms: 200, steps: 4 }, { onProgress() { throw new Error("mine"); } });
		console.log("answered");`);
	let text = '';

	child.stdout.on('data', (more) => {
		text += more;
	});
	assert.deepEqual(await once(child, 'exit'), [0, null]);
	assert.match(text, /^(mine\n)+answered\n$/);
});
