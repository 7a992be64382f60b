'use strict';

/* One task that this worker has: what its handler sees, and its answer. */

const { MoroError } = require('./error.js');

// Codes that a worker may use: proto/PROTOCOL.md, section 10, and a cancel's.
const CODES = new Set(['WORKER_ERROR', 'INVALID_ARGUMENT', 'TOO_LARGE', 'UNSUPPORTED',
	'NOT_FOUND', 'PERMISSION_DENIED', 'UNKNOWN_TASK', 'INTERNAL', 'CANCELLED']);

class Running {
	constructor(n, type, info, channel) {
		this.n = n;
		this.channel = channel;
		this.aborting = new AbortController();
		this.context = this.makeContext(type, info);
	}

	/** What the handler gets beside the data. */
	makeContext(type, info) {
		const { signal } = this.aborting;
		const wanted = info.progress === true;

		return Object.freeze({
			type,
			attempt: info.attempt ?? 1,
			signal,
			get cancelled() {
				return signal.aborted;
			},
			progress: (done, total, note) => {
				if (wanted)
					this.progress(done, total, note);
			},
		});
	}

	/** Written at once: a handler that computes lets no tick pass. */
	progress(done, total, note) {
		this.channel.send([2, 'progress', [this.n, { done, total, note }]]);
		this.channel.flush();
	}

	cancel() {
		this.aborting.abort(new MoroError('CANCELLED', 'the task was cancelled',
		    { reason: 'client' }));
	}

	/** A result that cannot be sent is the task's error. */
	answer(result) {
		try {
			this.channel.send([1, this.n, null, result ?? null]);
		} catch (error) {
			this.fail(error);
		}
	}

	/** A MoroError says its code itself; of others the log has the stack. */
	fail(error) {
		this.channel.send([1, this.n, this.wire(error), null]);
	}

	wire(error) {
		if (this.aborting.signal.aborted && isAbort(error))
			return { code: 'CANCELLED', message: 'the task was cancelled' };
		if (error instanceof MoroError && CODES.has(error.code)) {
			const { code, message, reason, field } = error;

			return { code, message, reason, field };
		}
		process.stderr.write(`${error?.stack ?? String(error)}\n`);
		return { code: 'WORKER_ERROR', reason: 'failed', message: describe(error) };
	}
}

/** Whether an error says that its signal was aborted, as Node's own functions do. */
function isAbort(error) {
	return error?.name === 'AbortError' || error?.code === 'CANCELLED';
}

function describe(error) {
	return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

module.exports = { Running };
