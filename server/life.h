#ifndef MORO_SERVER_LIFE_H
#define MORO_SERVER_LIFE_H

/*
 * A task's life: queued, running, answered. All changes of state are made
 * here, each way out answers once, and what the task held is given back:
 * place in the queue, worker, quota, deadlines.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/fault.h"
#include "server/dispatcher.h"
#include "server/task.h"

/* How a task ended. */
enum life_end {
	LIFE_RESULT, /* the worker answered with a result */
	LIFE_FAILED, /* the worker answered with an error */
	LIFE_CRASHED, /* the worker died */
	LIFE_TIMEOUT,
	LIFE_CANCELLED, /* the client is gone, or morod stops */
};

/* Accepts a new task: from here on it gets exactly one answer. */
void life_queue(struct dispatcher *d, struct task *t);

/* It is in the hands of a slot now. Called by slot_hand(). */
void life_run(struct dispatcher *d, struct task *t, struct slot *s);

/* Its worker has not begun it and will not: back to the head of its queue. */
void life_return(struct dispatcher *d, struct task *t);

/* A worker's result: [at, at + len) in chunk is error and result. */
void life_result(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len, struct chunk *chunk);

/* Ends it with an error, which is answered if somebody waits. */
void life_fault(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault);

/*
 * Ends it without an answer, because nobody waits for one; a worker that runs
 * it is killed.
 */
void life_drop(struct dispatcher *d, struct task *t);

#endif
