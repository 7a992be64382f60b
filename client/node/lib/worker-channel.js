'use strict';

/* Where a worker finds morod: a descriptor, or stdin and stdout. */

const net = require('node:net');

const { MoroError } = require('./error.js');

/** What the program prints goes to stderr from now on: stdout is the channel. */
function keepStdout() {
	const { stdout, stderr } = process;
	const write = stdout.write.bind(stdout);

	stdout.write = stderr.write.bind(stderr);
	return { write, on: stdout.on.bind(stdout) };
}

function openChannel(env) {
	if (env.MORO_CHANNEL === 'stdio')
		return { readable: process.stdin, writable: keepStdout() };
	const fd = Number(env.MORO_FD);

	if (env.MORO_FD === undefined || !Number.isInteger(fd) || fd < 0) {
		throw new MoroError('NO_SERVER', 'MORO_FD is not set: morod starts this program, ' +
		    'with its socket there, or with MORO_CHANNEL=stdio');
	}
	const socket = new net.Socket({ fd, readable: true, writable: true });

	return { readable: socket, writable: socket };
}

module.exports = { openChannel };
