'use strict';

/* Where a worker finds morod: a descriptor, stdin and stdout, or the socket of clients. */

const net = require('node:net');

const { MoroError } = require('./error.js');
const { dial } = require('./link.js');
const { defaultPath } = require('./socket-path.js');

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
		    'with its socket there, or with MORO_CHANNEL=stdio; or it dials in, by run({ connect })');
	}
	const socket = new net.Socket({ fd, readable: true, writable: true });

	return { readable: socket, writable: socket };
}

/** The socket at a path, or if that is true where clients find it. */
async function dialChannel(connect, env) {
	const path = connect === true ? defaultPath(env) : connect;

	if (path === null)
		throw new MoroError('NO_SERVER', 'neither MORO_SOCKET nor XDG_RUNTIME_DIR is set; give the path');
	const socket = await dial(path);

	return { readable: socket, writable: socket };
}

module.exports = { openChannel, dialChannel };
