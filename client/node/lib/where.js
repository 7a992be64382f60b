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

/** The socket that was named, or that is there; null: there is none. */
function existingPath(options, env = process.env) {
	if (options.path !== undefined)
		return options.path;
	if (env.MORO_SOCKET)
		return env.MORO_SOCKET;
	if (options.morod !== undefined)
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

module.exports = { existingPath, ownServer, leave };
