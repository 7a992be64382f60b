/* The guide's snippets, each run with a real morod, and what came of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { shutdownWorkers } from 'moro-client';
import { folder, snippets } from './guide/load.mjs';
import { ran } from './guide/suite.mjs';
import './guide/check-tasks.mjs';
import './guide/check-cases.mjs';
import './guide/check-practice.mjs';

test.after(() => shutdownWorkers());

test('the table of README.md says what is so', () => {
	const text = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
	const rows = [...text.matchAll(/^\| (\d+) \| `(.*?)` \| (yes|no) \| (yes|no) \|/gm)];

	assert.deepEqual(rows.map((row) => row[2]), snippets());
	assert.deepEqual(rows.filter((row) => row[4] === 'yes').map((row) => Number(row[1])),
	    [...ran].sort((a, b) => a - b));
	const count = (column) => rows.filter((row) => row[column] === 'yes').length;

	const prepared = text.match(/^\| \d+ \|.*with `prepare`/gm).length;

	assert.ok(text.includes(`${rows.length} snippets, ${count(3)} touch workers, ${count(4)} run, ` +
	    `${prepared} of them with \`prepare\` only`));
});
