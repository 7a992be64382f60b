'use strict';

/*
 * The guide's helpers, each one task. `run(type, data, options)` does the work;
 * the last argument of every helper holds options of the call (timeout,
 * priority, signal, ...).
 */

const { MoroError } = require('./error.js');
const { transformHere } = require('./transform.js');

/** Leaves out what is undefined, and null options of the guide's optional arguments. */
function fields(map) {
	return Object.fromEntries(Object.entries(map).filter(([, v]) => v !== undefined));
}

/**
 * Bytes that came by way of JSON: a Buffer's JSON, or base64. Packed data and
 * images are never text, so a string can only be base64.
 */
function bytesOf(value) {
	if (typeof value === 'string')
		return Buffer.from(value, 'base64');
	if (value?.type === 'Buffer' && Array.isArray(value.data))
		return Buffer.from(value.data);
	return value;
}

/** The same of a task's field `image`, for types of images. */
function imageFromJson(type, data) {
	if (!type.startsWith('image:') || data?.image === undefined)
		return data;
	return { ...data, image: bytesOf(data.image) };
}

/** Text, unless the caller wants bytes. */
function textOf(bytes, encoding = 'utf8') {
	if (encoding === 'buffer' || !Buffer.isBuffer(bytes))
		return bytes;
	return bytes.toString(encoding);
}

function crypto(run) {
	return {
		hashData: (input, algorithm, options) =>
			run('crypto:hash', fields({ input, algorithm }), options),
		encryptData: (data, key, options) => run('crypto:encrypt', { data, key }, options),
		decryptData: (data, key, options) => run('crypto:decrypt', { data, key }, options),
		hashPassword: (password, cost, options) =>
			run('password:hash', fields({ password, ...cost }), options),
		verifyPassword: (password, hash, cost, options) =>
			run('password:verify', fields({ password, hash, ...cost }), options),
		randomBytes: (length, options) =>
			run('crypto:random', fields({ length, encoding: 'bin' }), options),
		generateKey: (type, more, options) =>
			run('crypto:keygen', fields({ type, ...more }), options),
	};
}

function tokens(run) {
	return {
		signJWT: (payload, secret, jwt, options) =>
			run('jwt:sign', fields({ payload, secret, options: jwt }), options),
		verifyJWT: (token, secret, jwt, options) =>
			run('jwt:verify', fields({ token, secret, options: jwt }), options),
	};
}

/** gzip by default, as the guide's Content-Encoding says. */
function packing(run) {
	return {
		compressData: (input, { format = 'gzip', level, ...more } = {}, options = undefined) =>
			run('data:compress', fields({ input, format, level, ...more }), options),
		async decompressData(input, { encoding, ...more } = {}, options = undefined) {
			const bytes = await run('data:decompress',
			    fields({ input: bytesOf(input), ...more }), options);

			return textOf(bytes, encoding);
		},
	};
}

function computing(run) {
	return {
		heavyComputation(operation, params, options) {
			if (typeof operation === 'object' && operation !== null) // {operation, params}
				return run('heavy:computation', operation, params);
			return run('heavy:computation',
			    fields({ operation, params: imageFromJson(operation, params) }), options);
		},
		/** A function is run here, a string is a jq program and run by a worker. */
		async transformJSON(data, transformer, options) {
			if (typeof transformer === 'function')
				return transformHere(data, transformer);
			if (typeof transformer !== 'string') {
				throw new MoroError('INVALID_ARGUMENT',
				    'transformer is a function, or a string that holds a jq program',
				    { field: 'transformer' });
			}
			return run('json:transform', fields({ data, filter: transformer,
				each: Array.isArray(data) ? true : undefined }), options);
		},
		processAnalytics: (events, how, options) =>
			run('analytics:process', fields({ events, ...how }), options),
		mergeAnalytics: (merge, options) => run('analytics:process', { merge }, options),
	};
}

function images(run) {
	return {
		resizeImage: (image, how, options) =>
			run('image:resize', { image: bytesOf(image), ...how }, options),
		thumbnailImage: (image, size, how, options) =>
			run('image:thumbnail', { image: bytesOf(image), size, ...how }, options),
		imageInfo: (image, options) => run('image:info', { image: bytesOf(image) }, options),
	};
}

/** All helpers, and the short names that some of them have had. */
function makeHelpers(run) {
	const all = {
		...crypto(run), ...tokens(run), ...packing(run), ...computing(run), ...images(run),
	};

	all.hash = all.hashData;
	all.encrypt = all.encryptData;
	all.decrypt = all.decryptData;
	all.compress = all.compressData;
	all.decompress = all.decompressData;
	return Object.freeze(all);
}

module.exports = { makeHelpers, imageFromJson };
