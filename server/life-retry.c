/* Tasks that are run again: after a crash, or after an error of their own. */

#include "server/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "server/life-parts.h"
#include "server/log-task.h"
#include "server/pool.h"

/* A pause is shortened by up to a quarter, so that not all end at once. */
#define RETRY_JITTER 4
#define RETRY_PAUSE_MAX_MS ((uint64_t)24 * 60 * 60 * 1000)

/* How often the task may be begun when workers die of it. */
static uint32_t
life_crash_attempts(const struct task *t)
{
	const struct task_extra *e = t->extra;
	bool idempotent = (t->route->type->flags & TYPE_IDEMPOTENT) != 0;

	if (e != NULL && e->has_retry)
		return e->retry.on_crash ? 1u + e->retry.max : 1;
	if (e != NULL && e->has_idempotent)
		idempotent = e->idempotent;
	return idempotent ? 2 : 1;
}

/* The same when it answers WORKER_ERROR. */
static uint32_t
life_error_attempts(const struct task *t)
{
	const struct task_extra *e = t->extra;

	return e != NULL && e->has_retry && e->retry.on_error
		   ? 1u + e->retry.max
		   : 1;
}

/* The pause before the attempt after this one, in ms. */
static uint64_t
life_pause(const struct task *t)
{
	uint64_t ms = t->extra != NULL ? t->extra->retry.backoff_ms : 0;
	uint64_t max = RETRY_PAUSE_MAX_MS;

	if (ms == 0)
		return 0;
	if (t->extra->retry.max_backoff_ms != 0)
		max = t->extra->retry.max_backoff_ms;
	for (int i = 1; i < t->attempt && ms < max; i++)
		ms *= 2;
	if (ms > max)
		ms = max;
	return ms - arc4random_uniform((uint32_t)(ms / RETRY_JITTER) + 1);
}

/*
 * Has a task that a worker had run once more, before all of its priority, for
 * the reason that stats shows.
 */
static void
life_again(struct dispatcher *d, struct task *t, const char *reason)
{
	uint64_t pause = life_pause(t);

	t->attempt++;
	metrics_retried(d, t, reason);
	if (t->extra != NULL)
		t->extra->queue_due = UINT64_MAX; /* it was begun */
	log_task(LEVEL_DEBUG, t, "run again: attempt %u", t->attempt);
	/* it waits anew: what it ran is no waiting */
	task_set_queued_us(t, loop_now_us(&d->loop));
	if (pause == 0) {
		life_return(d, t);
		return;
	}
	slot_release(t->slot, t);
	t->slot = NULL;
	life_change(t, TASK_DELAYED);
	task_settle(t);
	pool_delay(t->route->pool, t);
	t->extra->run_due = loop_now(&d->loop) + pause;
	life_arm(d, t);
}

void
life_resume(struct dispatcher *d, struct task *t)
{
	pool_undelay(t->route->pool, t);
	life_change(t, TASK_QUEUED);
	t->extra->run_due = UINT64_MAX;
	life_arm(d, t);
	task_set_queued_us(t, loop_now_us(&d->loop));
	pool_add_first(t->route->pool, t);
}

bool
life_retry(struct dispatcher *d, struct task *t, const struct fault *fault)
{
	if (fault->code != CODE_WORKER_ERROR ||
	    t->attempt >= life_error_attempts(t))
		return false;
	life_again(d, t, "error");
	return true;
}

void
life_crash(struct dispatcher *d, struct task *t, struct fault *fault)
{
	/* one that hit a limit would hit it again */
	bool crashed = strcmp(fault->reason, "crashed") == 0;
	size_t n;

	if (crashed && t->attempt < life_crash_attempts(t)) {
		life_again(d, t, "crash");
		return;
	}
	if (crashed && t->attempt > 1) {
		snprintf(fault->reason, sizeof fault->reason, "poison");
		fault_add_number(fault, "attempts", t->attempt);
		n = strlen(fault->message);
		snprintf(fault->message + n, sizeof fault->message - n,
		    "; it was tried %u times", (unsigned int)t->attempt);
	}
	poison_keep(d, t, fault);
	life_fault(d, t, LIFE_CRASHED, fault);
}
