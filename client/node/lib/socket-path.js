'use strict';

const path = require('node:path');

/** Where morod listens by default, as libmoro has it; null: there is no such place. */
function defaultPath(env = process.env, uid = process.getuid?.()) {
	if (env.MORO_SOCKET)
		return env.MORO_SOCKET;
	if (uid === 0)
		return '/run/moro/morod.sock';
	return env.XDG_RUNTIME_DIR ? path.join(env.XDG_RUNTIME_DIR, 'morod.sock') : null;
}

module.exports = { defaultPath };
