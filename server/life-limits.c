/* A task's limits in time: when the next one strikes, and what then. */

#include "server/life.h"

#include <inttypes.h>

#include "server/life-parts.h"
#include "server/log.h"
#include "server/pool.h"

/* Which of a task's limits has struck. */
static void
life_timeout_fault(const struct task *t, uint64_t now, struct fault *fault)
{
	const struct task_extra *e = t->extra;
	/* in the hands of a worker that dies it may wait still */
	bool running = t->state == TASK_GATHERING ||
		       (t->state == TASK_RUNNING && e->queue_due > now);
	const char *option = "timeout";
	uint64_t limit = e->timeout_ms;

	if (e->due > now) {
		option = running ? "runTimeout" : "queueTimeout";
		limit = running ? e->run_timeout_ms : e->queue_timeout_ms;
	}
	fault_set(fault, CODE_TIMEOUT, running ? "run" : "queue",
	    "timeout of %" PRIu64 " ms reached (option %s); %s: %s", limit,
	    option, t->route->name,
	    running ? "it ran, and was stopped" : "it was still queued");
	fault_add_text(fault, "option", option);
	fault_add_number(fault, "limit", (int64_t)limit);
}

/* Answers a task whose limit has struck, and stops it. */
static void
life_strike(struct dispatcher *d, struct task *t, uint64_t now)
{
	uint32_t number = task_wire_number(t);
	struct slot *s = t->slot;
	bool kill = s != NULL && slot_stop(s, t);
	struct fault fault;

	/* Its answer may have been found on the way. */
	if (task_find(d->tasks, number) != t)
		return;
	/*
	 * It was in a worker's hands, and is back in the queue: so it was not
	 * begun, and it was not its run time that is over.
	 */
	if (s != NULL && t->state == TASK_QUEUED && t->extra->due > now &&
	    t->extra->queue_due > now)
		return;
	life_timeout_fault(t, now, &fault);
	if (kill && life_part(d, t, &fault))
		return;
	if (kill)
		obituary_note(s, "timeout", t);
	life_fault(d, t, LIFE_TIMEOUT, &fault);
	if (kill)
		slot_kill(s);
}

/* Strikes when the first of a task's limits is reached. */
static void
life_timeout_cb(void *owner, uint64_t now)
{
	struct task *t = owner;
	struct dispatcher *d = t->route->pool->dispatcher;
	struct task_extra *e = t->extra;

	if (e->cancelled != CANCEL_NONE) {
		life_grace_over(d, t);
		return;
	}
	if (t->state == TASK_DELAYED && e->due > now && e->queue_due > now) {
		life_resume(d, t);
		return;
	}
	if (t->slot != NULL && slot_has_begun(t->slot, t)) {
		e->queue_due = UINT64_MAX; /* its waiting is over */
		if (e->due > now && e->run_due > now) {
			life_arm(d, t);
			return;
		}
	}
	life_strike(d, t, now);
}

/* When a limit strikes that counts from now on. */
static uint64_t
life_due(struct dispatcher *d, uint32_t limit_ms)
{
	/* Times are cut to milliseconds: one more, so as not to be early. */
	return limit_ms != 0 ? loop_now(&d->loop) + (uint64_t)limit_ms + 1
			     : UINT64_MAX;
}

/* The earlier of two times. */
static uint64_t
life_sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When something is to happen to a task in the state that it is in. */
static uint64_t
life_next(const struct task *t)
{
	const struct task_extra *e = t->extra;
	uint64_t due = e->due;

	if (e->cancelled != CANCEL_NONE)
		return life_sooner(due, e->run_due);
	/*
	 * A worker may have it and not have begun it: that is seen when a limit
	 * strikes. Until then it waits, too.
	 */
	due = life_sooner(due, e->queue_due);
	if (t->state == TASK_RUNNING || t->state == TASK_DELAYED)
		due = life_sooner(due, e->run_due);
	return due;
}

void
life_arm(struct dispatcher *d, struct task *t)
{
	struct task_extra *e = t->extra;
	uint64_t now = loop_now(&d->loop);
	uint64_t due = life_next(t);

	if (due == UINT64_MAX)
		deadline_unset(d->loop.deadlines, &e->deadline);
	else
		deadline_set(d->loop.deadlines, &e->deadline, now,
		    due > now ? due - now : 0);
}

void
life_arm_first(struct dispatcher *d, struct task *t)
{
	struct task_extra *e = t->extra;

	e->due = life_due(d, e->timeout_ms);
	e->queue_due = life_due(d, e->queue_timeout_ms);
	e->run_due = UINT64_MAX;
	deadline_init(&e->deadline, life_timeout_cb, t);
	life_arm(d, t);
}

void
life_arm_run(struct dispatcher *d, struct task *t)
{
	t->extra->run_due = life_due(d, t->extra->run_timeout_ms);
	life_arm(d, t);
}

bool
life_rearms(const struct task *t)
{
	const struct task_extra *e = t->extra;

	return e != NULL &&
	       (e->run_timeout_ms != 0 || e->queue_timeout_ms != 0);
}
