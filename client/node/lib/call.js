'use strict';

/* One request that has no answer yet, and its promise. */

const { MoroError } = require('./error.js');

class Call {
	constructor(msgid, options = {}) {
		this.msgid = msgid;
		this.batch = options.batch === true;
		this.onProgress = options.onProgress;
		this.signal = options.signal;
		this.promise = new Promise((resolve, reject) => {
			this.resolve = resolve;
			this.reject = reject;
		});
		this.promise.msgid = msgid;
	}

	/** Has `abort` called when the caller's signal says so. */
	watch(abort) {
		if (this.signal === undefined)
			return;
		this.abort = () => abort(this);
		this.signal.addEventListener('abort', this.abort, { once: true });
	}

	/** The answer, as it came. */
	answer(error, result) {
		this.release();
		if (error !== null && error !== undefined)
			this.reject(this.failure(error));
		else
			this.resolve(this.batch ? elements(result) : result);
	}

	/** No answer came, or will come. */
	fail(error) {
		this.release();
		this.reject(error);
	}

	/** An error of the wire. A task that its caller aborted names the caller's reason. */
	failure(error) {
		const failure = MoroError.fromWire(error);

		if (failure.code === 'CANCELLED' && this.signal?.aborted)
			Object.defineProperty(failure, 'cause', { value: this.signal.reason });
		return failure;
	}

	release() {
		if (this.abort !== undefined)
			this.signal.removeEventListener('abort', this.abort);
		this.abort = undefined;
	}
}

/** A batch's array: errors in it become MoroErrors, too. */
function elements(result) {
	if (!Array.isArray(result))
		return result;
	return result.map((element) => element !== null && typeof element === 'object' &&
	    element.error !== undefined && element.error !== null ?
	    { error: MoroError.fromWire(element.error) } : element);
}

/** What a call that was aborted before it was sent comes to. */
function abortedEarly(signal) {
	return new MoroError('CANCELLED', 'cancelled by the caller before it was sent',
	    { reason: 'client', cause: signal.reason });
}

module.exports = { Call, abortedEarly };
