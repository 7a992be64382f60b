'use strict';

/*
 * When a connection is made anew. A call on a lost connection makes a new one,
 * and waits for it for `patience`; a client that subscribed makes one by
 * itself, for as long as it takes.
 */

const { MoroError } = require('./error.js');
const { within } = require('./within.js');

const FIRST_PAUSE = 50; // ms, doubling
const LONGEST_PAUSE = 2000;
const PATIENCE = 2000; // a server that is being restarted is back by then

/** The options of connecting, with their defaults. */
function settings({ reconnect = true, connectTimeout = 10_000, patience } = {}) {
	return { reconnect, connectTimeout, patience };
}

class Revival {
	/** `open` makes one attempt. */
	constructor(options, open) {
		this.options = options;
		this.open = open;
		this.running = null; // the promise of a connection that is being made
		this.begun = false; // whether there was a first one
		this.stopped = null; // the error after stop()
		this.last = null; // what the last attempt failed with
	}

	/** How long a call waits: the first connection is not waited for. */
	patience() {
		return this.options.patience ?? (this.begun ? PATIENCE : 0);
	}

	/** The connection that is being made; everybody who asks waits for the same. */
	join() {
		if (this.begun && !this.options.reconnect) {
			return Promise.reject(new MoroError('LOST',
			    'the server went away, and reconnect is off'));
		}
		const persisting = this.until === Infinity;
		const running = this.run(Date.now() + this.patience());

		return persisting ?
		    within(this.patience() + this.options.connectTimeout, running, () => this.last) :
		    running;
	}

	/** The same until it comes true, for nobody in particular. */
	persist() {
		this.run(Infinity).catch(() => {});
	}

	run(until) {
		this.until = Math.max(this.until ?? 0, until);
		this.running ??= this.attempts().finally(() => {
			this.running = null;
			this.until = 0;
		});
		return this.running;
	}

	/** One attempt after the other, with doubling pauses. */
	async attempts() {
		for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
			try {
				const link = await this.open();

				this.begun = true;
				return link;
			} catch (error) {
				this.last = error;
				if (this.stopped !== null)
					throw this.stopped;
				if (error.code !== 'NO_SERVER' && this.until !== Infinity ||
				    Date.now() + pause > this.until)
					throw error;
			}
			await this.pause(pause);
		}
	}

	/** Waits; stop() ends it. Attempts for nobody do not keep the process alive. */
	async pause(ms) {
		await new Promise((resolve, reject) => {
			const timer = setTimeout(resolve, ms);

			if (this.until === Infinity)
				timer.unref();
			this.wake = () => {
				clearTimeout(timer);
				reject(this.stopped);
			};
		});
		this.wake = undefined;
	}

	/** No more attempts. */
	stop(error) {
		this.stopped = error;
		this.wake?.();
	}
}

module.exports = { Revival, settings };
