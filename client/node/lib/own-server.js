'use strict';

/*
 * A morod of the program's own, where there is no other: it ends with the
 * program, also when that is killed. A program has one, which its managers
 * share.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { MoroError } = require('./error.js');

/*
 * morod takes the place of this shell. What the shell left behind reads from a
 * pipe that this process holds: a line when morod is known to be gone, else the
 * pipe's end tells it of this process's end, however that came.
 */
const GUARD = `(sh -c 'read -r _ <&3 || kill -TERM "$0"; rm -rf "$1"' $$ "$MORO_NODE_FOLDER" >/dev/null 2>&1 &)
exec 3<&-
exec "$0" "$@"`;

/** The program in $PATH, or null. */
function findProgram(name, env = process.env) {
	for (const folder of (env.PATH ?? '').split(path.delimiter)) {
		const file = path.join(folder, name);

		try {
			fs.accessSync(file, fs.constants.X_OK);
			return file;
		} catch {
			// not in this folder
		}
	}
	return null;
}

class OwnServer {
	constructor(program, { workerCount, maxQueueSize, morodArgs = [] } = {}) {
		this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'moro-node-'));
		this.path = path.join(this.folder, 'morod.sock');
		this.users = 0; // managers
		this.said = ''; // the end of what it printed
		this.args = ['--socket', this.path, '--config', '/dev/null', ...morodArgs];
		if (workerCount !== undefined)
			this.args.push('--workers', String(workerCount));
		if (maxQueueSize !== undefined)
			this.args.push('--max-queue-size', String(maxQueueSize));
		this.start(program);
	}

	start(program) {
		this.child = spawn('/bin/sh', ['-c', GUARD, program, ...this.args],
		    {
			    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
			    env: { ...process.env, MORO_NODE_FOLDER: this.folder },
		    });
		this.ended = once(this.child, 'exit').then(() => this.remove(), () => this.remove());
		this.ready = this.waitReady();
		this.ready.catch(() => {}); // told to those who ask
	}

	/** Waits for morod's word that it serves. */
	waitReady() {
		return new Promise((resolve, reject) => {
			this.child.stderr.setEncoding('utf8');
			this.child.stderr.on('data', (text) => {
				this.said = (this.said + text).slice(-4096);
				if (this.said.includes('ready on'))
					resolve();
			});
			this.ended.then(() => reject(new MoroError('NO_SERVER',
			    `morod did not start: ${this.said.trim()}`)));
		}).finally(() => this.hold(false));
	}

	/** Whether it keeps this process alive. */
	hold(yes) {
		const what = yes ? 'ref' : 'unref';

		this.child[what]();
		this.child.stderr[what]?.();
		this.child.stdio[3][what]?.();
	}

	/** Ends it: accepted tasks are finished first. */
	async stop() {
		this.hold(true);
		this.child.kill('SIGTERM');
		await this.ended;
	}

	/** Nothing is left of it: what watches has nothing to kill. */
	remove() {
		this.gone = true;
		this.child.stdio[3].on('error', () => {}); // who watched is gone, too
		this.child.stdio[3].end('gone\n');
		fs.rmSync(this.folder, { recursive: true, force: true });
	}
}

module.exports = { OwnServer, findProgram };
