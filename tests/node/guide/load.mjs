/*
 * Runs a snippet. Its text is a function's body, because snippets return and
 * await where they stand; what it does not define itself it is given.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as moro from 'moro-client';
import * as framework from './framework.mjs';

export const folder = path.dirname(fileURLToPath(import.meta.url));
const AsyncFunction = (async () => {}).constructor;
const modules = { 'moro-client': moro, './framework.mjs': framework };

/** The snippet's text as JavaScript: imports become constants, one type is left out. */
function translate(text) {
	return text
		.replace(/^import (\{.*?\}) from '(.*?)';$/gm, 'const $1 = modules["$2"];')
		.replace('(load: number)', '(load)');
}

/** The files of all snippets. */
export function snippets() {
	return fs.readdirSync(folder).filter((name) => name.endsWith('.ts')).sort();
}

/**
 * Runs snippet n with what it is given, and gives what it returns, or else an
 * object of those of its variables that are wanted.
 */
export async function runSnippet(n, given = {}, wanted = []) {
	const file = snippets().find((name) => Number(name.slice(0, 2)) === n);
	const code = translate(fs.readFileSync(path.join(folder, file), 'utf8'));
	const scope = {
		modules, require: createRequire(import.meta.url), workerTasks: moro.workerTasks,
		getWorkerManager: moro.getWorkerManager, WorkerManager: moro.WorkerManager, ...given,
	};
	const body = `return (async () => {\n${code}\nreturn { ${wanted.join(', ')} };\n})();`;

	return new AsyncFunction(...Object.keys(scope), body)(...Object.values(scope));
}
