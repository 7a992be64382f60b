#ifndef MORO_SERVER_LIFE_H
#define MORO_SERVER_LIFE_H

/*
 * A task's life: queued, running, answered. All changes of state are made
 * here, each way out answers once, and what the task held is given back:
 * place in the queue, worker, quota, deadlines.
 */

#include <stdbool.h>
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

/*
 * The same for a batch, whose elements become tasks when batch_go_on() is
 * called; and its end, once it was answered.
 */
void life_gather(struct dispatcher *d, struct task *head);
void life_gathered(struct dispatcher *d, struct task *head);

/* It is in the hands of a slot now. Called by slot_hand(). */
void life_run(struct dispatcher *d, struct task *t, struct slot *s);

/* Its worker has not begun it and will not: back to the head of its queue. */
void life_return(struct dispatcher *d, struct task *t);

/*
 * Its worker died of it: it is run again, if that does no harm and was not done
 * too often, or else answered.
 */
void life_crash(struct dispatcher *d, struct task *t, struct fault *fault);

/* A worker's error: whether the task is run again instead of being answered. */
bool life_retry(struct dispatcher *d, struct task *t,
    const struct fault *fault);

/* A worker's result: [at, at + len) in chunk is error and result. */
void life_result(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len, struct chunk *chunk);

/* Ends it with an error, which is answered if somebody waits. */
void life_fault(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault);

/* What a cancel found of its task. */
enum life_found {
	LIFE_FOUND_QUEUED, /* it waited, and is gone */
	LIFE_FOUND_RUNNING, /* it is being stopped */
	LIFE_FOUND_DONE, /* it is answered */
	LIFE_FOUND_UNKNOWN,
};

/* "queued", for answers. */
const char *life_found_name(enum life_found found);

/*
 * Cancels a task in any state: it is answered CANCELLED, at once, or when it
 * has stopped, if it is of a type that is told first.
 */
enum life_found life_cancel(struct dispatcher *d, struct task *t,
    enum life_cancel cause);

/* A task that was asked to stop has: answers CANCELLED, whatever it said. */
void life_cancelled(struct dispatcher *d, struct task *t);

/* A fire-and-forget task whose client leaves. */
void life_orphan(struct task *t);

/* From now on nobody waits for its answer. */
void life_disown(struct dispatcher *d, struct task *t);

/* Cancels a task that nobody waits for any more. */
void life_drop(struct dispatcher *d, struct task *t);

#endif
