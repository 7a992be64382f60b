'use strict';

/*
 * Which server a manager talks to: the one that was named, the system's if it
 * is there, or one of the program's own.
 */

const fs = require('node:fs');

const { MoroError } = require('./error.js');
const { OwnServer, findProgram } = require('./own-server.js');
const { defaultPath } = require('./socket-path.js');

let own = null; // the program's own server; managers share it

/** The socket that was named, or null. */
function namedPath(options, env = process.env) {
	return options.path ?? (env.MORO_SOCKET || null);
}

/** The system's socket, if it is there: perhaps nobody listens on it. */
function systemPath(options, env = process.env) {
	if (options.morod !== undefined) // one of the program's own is wanted
		return null;
	const path = defaultPath(env);

	return path !== null && fs.existsSync(path) ? path : null;
}

/** The program's own server, started if it is not there yet. */
function ownServer(options) {
	if (own !== null && !own.gone && !own.stopping) {
		own.users++;
		return { server: own, fresh: false };
	}
	const program = options.morod ?? process.env.MOROD ?? findProgram('morod');

	if (program === null) {
		throw new MoroError('NO_SERVER', 'no server: set MORO_SOCKET to the socket of one, ' +
		    'or have morod in PATH so that one can be started');
	}
	own = new OwnServer(program, options);
	own.users++;
	return { server: own, fresh: true };
}

/** A manager needs the server no more; the last one ends it. */
async function leave(server) {
	server.users--;
	if (server.users === 0 && !server.gone) {
		server.stopping = true;
		await server.stop();
	}
}

module.exports = { namedPath, systemPath, ownServer, leave };
