/*
 * What the snippets need of their web framework: an application that remembers
 * its handlers, and requests that a test makes.
 */
import { EventEmitter } from 'node:events';

class Response extends EventEmitter {
	constructor() {
		super();
		this.code = 200;
		this.headers = {};
	}

	status(code) {
		this.code = code;
		return this;
	}

	setHeader(name, value) {
		this.headers[name.toLowerCase()] = value;
	}

	json(body) {
		this.body = body;
		return this;
	}
}

class App {
	constructor(options) {
		this.options = options;
		this.routes = new Map();
		this.middleware = [];
	}

	/** post(path, handler), or post(path).body(schema).handler(handler). */
	route(method, path, handler) {
		if (handler !== undefined) {
			this.routes.set(`${method} ${path}`, { handler });
			return this;
		}
		const chain = {
			body: (schema) => Object.assign(chain, { schema }),
			handler: (fn) => this.routes.set(`${method} ${path}`, { handler: fn, schema: chain.schema }),
		};

		return chain;
	}

	get(path, handler) {
		return this.route('GET', path, handler);
	}

	post(path, handler) {
		return this.route('POST', path, handler);
	}

	use(fn) {
		this.middleware.push(fn);
	}

	listen(port) {
		this.port = port;
	}

	/** A request as the framework hands it on; gives {status, headers, body}. */
	async request(method, path, { body, headers = {}, params = {} } = {}) {
		const { handler, schema } = this.routes.get(`${method} ${path}`);
		const res = new Response();

		schema?.check(body);
		for (const fn of this.middleware)
			fn({}, res, () => {});
		const returned = await handler({ body, headers, params }, res);

		res.emit('finish');
		return {
			status: res.code, headers: res.headers,
			body: returned === res ? res.body : returned,
		};
	}
}

export async function createApp(options) {
	return new App(options);
}

/** As much of a schema library as the snippets use. */
const text = () => {
	const rules = [(v) => typeof v === 'string'];
	const schema = {
		email: () => (rules.push((v) => v.includes('@')), schema),
		min: (n) => (rules.push((v) => v.length >= n), schema),
		fits: (v) => rules.every((rule) => rule(v)),
	};

	return schema;
};

export const z = {
	string: text,
	object: (fields) => ({
		check(value) {
			for (const [name, schema] of Object.entries(fields)) {
				if (!schema.fits(value[name]))
					throw new TypeError(`${name} is wrong`);
			}
		},
	}),
};
