#include "server/life.h"

#include <assert.h>
#include <inttypes.h>

#include "server/answer.h"
#include "server/client.h"
#include "server/log-task.h"
#include "server/pool.h"

/* The only place where a task's state changes. */
static void
life_change(struct task *t, enum task_state to)
{
	static const bool allowed[TASK_STATES][TASK_STATES] = {
	    [TASK_NEW] = {[TASK_QUEUED] = true},
	    [TASK_QUEUED] = {[TASK_RUNNING] = true, [TASK_ANSWERED] = true},
	    [TASK_RUNNING] = {[TASK_QUEUED] = true, [TASK_ANSWERED] = true},
	};

	assert(allowed[t->state][to]);
	t->state = (uint8_t)to;
}

/* Which of a task's limits has struck. */
static void
life_timeout_fault(const struct task *t, uint64_t now, struct fault *fault)
{
	const struct task_extra *e = t->extra;
	/* in the hands of a worker that dies it may wait still */
	bool running = t->state == TASK_RUNNING && e->queue_due > now;
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

static void life_arm(struct dispatcher *d, struct task_extra *e,
    uint64_t state_due);

/* Strikes when the first of a task's limits is reached. */
static void
life_timeout_cb(void *owner, uint64_t now)
{
	struct task *t = owner;
	struct dispatcher *d = t->route->pool->dispatcher;
	uint32_t number = task_wire_number(t);
	struct slot *s = t->slot;
	struct fault fault;
	bool kill;

	if (s != NULL && slot_has_begun(s, t)) {
		t->extra->queue_due = UINT64_MAX; /* its waiting is over */
		if (t->extra->due > now && t->extra->run_due > now) {
			life_arm(d, t->extra, t->extra->run_due);
			return;
		}
	}
	kill = s != NULL && slot_stop(s, t);
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
	if (kill)
		obituary_note(s, "timeout", t);
	life_fault(d, t, LIFE_TIMEOUT, &fault);
	if (kill)
		slot_kill(s);
}

/* When a limit strikes that counts from now on. */
static uint64_t
life_due(struct dispatcher *d, uint32_t limit_ms)
{
	/* Times are cut to milliseconds: one more, so as not to be early. */
	return limit_ms != 0 ? loop_now(&d->loop) + (uint64_t)limit_ms + 1
			     : UINT64_MAX;
}

/* Sets the deadline: `timeout`, or that of the state that the task is in. */
static void
life_arm(struct dispatcher *d, struct task_extra *e, uint64_t state_due)
{
	uint64_t now = loop_now(&d->loop);
	uint64_t due = e->due < state_due ? e->due : state_due;

	if (due == UINT64_MAX)
		deadline_unset(d->loop.deadlines, &e->deadline);
	else if (deadline_set(d->loop.deadlines, &e->deadline, now,
		     due > now ? due - now : 0) == -1)
		log_error("no memory for a timeout, ignoring");
}

/* Sets the first deadline of a new task. */
static void
life_arm_first(struct dispatcher *d, struct task *t)
{
	struct task_extra *e = t->extra;

	e->due = life_due(d, e->timeout_ms);
	e->queue_due = life_due(d, e->queue_timeout_ms);
	deadline_init(&e->deadline, life_timeout_cb, t);
	life_arm(d, e, e->queue_due);
}

/*
 * A worker has it. Whether it has begun is seen when a limit strikes: until then
 * it waits, too.
 */
static void
life_arm_run(struct dispatcher *d, struct task_extra *e)
{
	e->run_due = life_due(d, e->run_timeout_ms);
	life_arm(d, e, e->run_due < e->queue_due ? e->run_due : e->queue_due);
}

/* Whether some of its limits count in one state only. */
static bool
life_rearms(const struct task *t)
{
	const struct task_extra *e = t->extra;

	return e != NULL &&
	       (e->run_timeout_ms != 0 || e->queue_timeout_ms != 0);
}

void
life_queue(struct dispatcher *d, struct task *t)
{
	life_change(t, TASK_QUEUED);
	if (t->extra != NULL)
		life_arm_first(d, t);
	pool_add(t->route->pool, t);
	d->task_bytes += t->data_len;
	if (t->client != NULL)
		client_add_task(t->client, t);
	if (!t->notify)
		msgids_add(&d->msgids, t);
	log_task(LEVEL_DEBUG, t, "accepted");
}

void
life_run(struct dispatcher *d, struct task *t, struct slot *s)
{
	life_change(t, TASK_RUNNING);
	t->slot = s;
	if (life_rearms(t))
		life_arm_run(d, t->extra);
	log_task(LEVEL_DEBUG, t, "handed to worker %u", s->number + 1);
}

void
life_return(struct dispatcher *d, struct task *t)
{
	slot_release(t->slot, t);
	life_change(t, TASK_QUEUED);
	t->slot = NULL;
	/* what it lay in a worker's hands was waiting, too */
	if (life_rearms(t))
		life_arm(d, t->extra, t->extra->queue_due);
	task_settle(t);
	queue_return(&t->route->pool->queue, t);
}

/* Gives back all that the task holds, and the task itself. */
static void
life_leave(struct dispatcher *d, struct task *t)
{
	if (t->state == TASK_QUEUED)
		queue_remove(&t->route->pool->queue, t);
	if (t->state == TASK_RUNNING)
		slot_release(t->slot, t);
	life_change(t, TASK_ANSWERED);
	if (t->extra != NULL)
		deadline_unset(d->loop.deadlines, &t->extra->deadline);
	d->task_bytes -= t->data_len;
	if (!t->notify)
		msgids_remove(&d->msgids, t);
	if (t->client != NULL)
		client_remove_task(t->client, t);
	task_free(d->tasks, t);
}

/* Counts an end. */
static void
life_count(struct counters *n, enum life_end end)
{
	switch (end) {
	case LIFE_RESULT:
		n->completed++;
		break;
	case LIFE_CRASHED:
		n->crashed++;
		n->failed++;
		break;
	case LIFE_FAILED:
		n->failed++;
		break;
	case LIFE_TIMEOUT:
		n->timed_out++;
		break;
	case LIFE_CANCELLED:
		n->cancelled++;
		break;
	}
}

/* Ends the task; its client, if there is one, may be done with by now. */
static void
life_end(struct dispatcher *d, struct task *t, enum life_end end)
{
	struct client *c = t->client;

	life_count(&d->counters, end);
	life_leave(d, t);
	if (c != NULL)
		client_check_done(c);
}

void
life_result(struct dispatcher *d, struct task *t, const uint8_t *at, size_t len,
    struct chunk *chunk)
{
	if (t->client != NULL && !t->notify)
		answer_raw(t->client, t->msgid, at, len, chunk);
	log_task(LEVEL_DEBUG, t, "done");
	life_end(d, t, LIFE_RESULT);
}

void
life_fault(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault)
{
	if (t->client != NULL && !t->notify)
		answer_fault(t->client, t->msgid, fault);
	log_task_failed(d, t, end, fault);
	life_end(d, t, end);
}

void
life_drop(struct dispatcher *d, struct task *t)
{
	uint32_t number = task_wire_number(t);
	struct slot *s = t->slot;
	bool kill = s != NULL && slot_stop(s, t);

	if (task_find(d->tasks, number) != t)
		return;
	if (kill)
		obituary_note(s, "its client left", t);
	log_task(LEVEL_DEBUG, t, "dropped: its client left");
	life_count(&d->counters, LIFE_CANCELLED);
	life_leave(d, t);
	if (kill)
		slot_kill(s);
}
