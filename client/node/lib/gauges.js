'use strict';

/*
 * getStats() answers at once, so it answers what the server said last. It is
 * asked again while the manager has tasks or somebody looks, and every `every`
 * ms for ten more times; an idle manager asks nothing.
 */

const IDLE_ROUNDS = 10;

class Gauges {
	/** `ask` gives a promise of the server's stats. */
	constructor(every, ask, expected) {
		this.every = every;
		this.ask = ask;
		this.stats = null;
		this.at = 0; // when the stats came
		this.expected = expected; // what is said before the server said anything
		this.timer = null;
		this.rounds = 0;
	}

	/** What is known, in both spellings; `outstanding` is known here. */
	snapshot(outstanding) {
		const s = this.stats ?? {
			workers: this.expected.workerCount, queueSize: 0, activeTasks: 0,
			maxQueueSize: this.expected.maxQueueSize, isShuttingDown: false,
		};

		return {
			workers: s.workers, queueSize: s.queueSize, activeTasks: s.activeTasks,
			maxQueueSize: s.maxQueueSize, workerCount: s.workers, queuedTasks: s.queueSize,
			isShuttingDown: s.isShuttingDown, outstanding,
			ageMs: this.stats === null ? null : Date.now() - this.at,
		};
	}

	/** Somebody wants to know: asks, if nobody has just done so. */
	want() {
		this.rounds = IDLE_ROUNDS;
		if (this.timer === null)
			this.round();
	}

	async round() {
		this.timer = setTimeout(() => this.next(), this.every);
		this.timer.unref();
		await this.refresh().catch(() => {}); // no server now: perhaps next time
	}

	next() {
		this.timer = null;
		if (--this.rounds > 0)
			this.round();
	}

	async refresh() {
		this.stats = await this.ask();
		this.at = Date.now();
		return this.stats;
	}

	stop() {
		clearTimeout(this.timer);
		this.rounds = 0;
	}
}

module.exports = { Gauges };
