'use strict';

/* Task types by the names that the guide's users know. */
const WORKER_TASKS = Object.freeze({
	JWT_VERIFY: 'jwt:verify',
	JWT_SIGN: 'jwt:sign',
	CRYPTO_HASH: 'crypto:hash',
	CRYPTO_ENCRYPT: 'crypto:encrypt',
	CRYPTO_DECRYPT: 'crypto:decrypt',
	DATA_COMPRESS: 'data:compress',
	DATA_DECOMPRESS: 'data:decompress',
	IMAGE_PROCESS: 'image:process',
	HEAVY_COMPUTATION: 'computation:heavy',
	JSON_TRANSFORM: 'json:transform',
});

module.exports = { WORKER_TASKS };
