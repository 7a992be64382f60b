#ifndef MORO_SERVER_METRICS_H
#define MORO_SERVER_METRICS_H

/*
 * Notes what becomes of tasks: one increment when a task is handed to a worker,
 * two when it ends. Windows of time are turned by whoever comes first, so that
 * nothing wakes an idle server.
 */

#include <stdint.h>

#include "proto/fault.h"
#include "proto/options.h"
#include "server/series.h"
#include "server/slow.h"

struct dispatcher;
struct route;
struct task;

struct metrics {
	uint64_t turn_ms; /* when the windows are to be turned */
	/*
	 * What the last task waited: mostly the next came with it, is like it
	 * and goes with it, and then only counts once more.
	 */
	struct {
		uint64_t now_us; /* when it was handed out */
		uint32_t queued_us; /* as in the task */
		uint8_t priority; /* the given one */
		const struct route *route; /* NULL: there was none yet */
		struct histogram_window *window;
		uint32_t *n; /* its bucket there */
		uint64_t steps; /* what it waited, 1/16 us */
	} last;
	uint64_t unknown[SERIES_ROWS]; /* refused, without a type */
	struct slow slow;
};

void metrics_init(struct metrics *m, uint64_t now_ms);

/* A worker has it now: its waiting is over. */
void metrics_waited(struct dispatcher *d, const struct task *t);

/* It ends without a result, and has not left its slot yet. */
void metrics_ended(struct dispatcher *d, const struct task *t,
    enum outcome outcome, const struct fault *fault);

/* The same of one with a result, which most have. */
void metrics_completed(struct dispatcher *d, const struct task *t);

/*
 * A request to run a type was refused; r is NULL when there is no such type, and
 * the priority PRIORITY_N when it was not given.
 */
void metrics_refused(struct dispatcher *d, struct route *r,
    enum priority priority, const struct fault *fault);

/* It is to run once more, because of "crash" or "error". */
void metrics_retried(struct dispatcher *d, const struct task *t,
    const char *reason);

/* Has the windows turned that have passed; to be called before reading. */
void metrics_turn(struct dispatcher *d);

/* How long it waited and ran so far, in us; not begun: 0. */
void metrics_times(struct dispatcher *d, const struct task *t,
    uint64_t *wait_us, uint64_t *run_us);

#endif
