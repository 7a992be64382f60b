#include "server/life.h"

#include <assert.h>

#include "server/answer.h"
#include "server/batch.h"
#include "server/client.h"
#include "server/life-parts.h"
#include "server/log-task.h"
#include "server/pool.h"
#include "server/progress.h"

/* Counts those that wait, too. */
void
life_change(struct task *t, enum task_state to)
{
	/* to which other states each may change */
	static const uint8_t allowed[TASK_STATES] = {
	    [TASK_NEW] = 1 << TASK_QUEUED | 1 << TASK_GATHERING,
	    [TASK_QUEUED] = 1 << TASK_RUNNING | 1 << TASK_ANSWERED,
	    [TASK_RUNNING] =
		1 << TASK_QUEUED | 1 << TASK_DELAYED | 1 << TASK_ANSWERED,
	    [TASK_DELAYED] = 1 << TASK_QUEUED | 1 << TASK_ANSWERED,
	    [TASK_GATHERING] = 1 << TASK_ANSWERED,
	};

	assert(allowed[t->state] & 1 << to);
	if (to == TASK_QUEUED)
		t->route->n_queued++;
	else if (t->state == TASK_QUEUED)
		t->route->n_queued--;
	t->state = (uint8_t)to;
}

/* The task is in its place: what holds for every one that is accepted. */
static inline void
life_enter(struct dispatcher *d, struct task *t)
{
	d->task_bytes += task_own_bytes(t);
	if (t->client != NULL)
		client_add_task(t->client, t);
	if (task_is_request(t))
		msgids_add(&d->msgids, t);
	log_task(LEVEL_DEBUG, t, "accepted");
}

void
life_queue(struct dispatcher *d, struct task *t)
{
	life_change(t, TASK_QUEUED);
	if (t->extra != NULL)
		life_arm_first(d, t);
	pool_add(t->route->pool, t);
	life_enter(d, t);
}

void
life_gather(struct dispatcher *d, struct task *head)
{
	life_change(head, TASK_GATHERING);
	life_arm_first(d, head);
	task_set_queued_us(head, loop_now_us(&d->loop));
	TAILQ_INSERT_TAIL(&d->batches, head, link);
	/* its elements are counted, as they become tasks */
	d->counters.submitted--;
	life_enter(d, head);
}

void
life_run(struct dispatcher *d, struct task *t, struct slot *s)
{
	life_change(t, TASK_RUNNING);
	t->slot = s;
	metrics_waited(d, t);
	if (life_rearms(t))
		life_arm_run(d, t);
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
		life_arm(d, t);
	task_settle(t);
	pool_add_first(t->route->pool, t);
}

/* Takes a task that no worker has out of where it waits. */
static void
life_leave_place(struct dispatcher *d, struct task *t)
{
	if (t->state == TASK_QUEUED)
		pool_remove(t->route->pool, t);
	if (t->state == TASK_DELAYED)
		pool_undelay(t->route->pool, t);
	if (t->state == TASK_GATHERING)
		TAILQ_REMOVE(&d->batches, t, link);
}

/* Gives back all that the task holds, and the task itself. */
static void
life_leave(struct dispatcher *d, struct task *t)
{
	if (t->state == TASK_RUNNING)
		slot_release(t->slot, t);
	else
		life_leave_place(d, t);
	life_change(t, TASK_ANSWERED);
	if (t->extra != NULL) {
		deadline_unset(d->loop.deadlines, &t->extra->deadline);
		progress_free(d, t);
	}
	d->task_bytes -= task_own_bytes(t);
	if (task_is_request(t))
		msgids_remove(&d->msgids, t);
	if (t->client != NULL)
		client_remove_task(t->client, t);
	if (t->extra != NULL && t->extra->batch != NULL)
		batch_end(d, t);
	task_free(d->tasks, t);
}

/* Counts an end without a result; the fault is what is answered, or NULL. */
static void
life_count(struct dispatcher *d, const struct task *t, enum life_end end,
    const struct fault *fault)
{
	static const enum outcome outcomes[] = {
	    [LIFE_FAILED] = OUTCOME_FAILED,
	    [LIFE_CRASHED] = OUTCOME_FAILED,
	    [LIFE_TIMEOUT] = OUTCOME_TIMED_OUT,
	    [LIFE_CANCELLED] = OUTCOME_CANCELLED,
	};

	if (t->state == TASK_GATHERING)
		return; /* its members were counted */
	if (end == LIFE_CRASHED)
		d->counters.crashed++;
	metrics_ended(d, t, outcomes[end], fault);
}

/*
 * Ends the task that has answered to its head or, if that is NULL, to its
 * client, which may be done with by now.
 */
static inline void
life_done(struct dispatcher *d, struct task *t, struct task *head)
{
	struct client *c = t->client;

	life_leave(d, t);
	if (head != NULL)
		batch_go_on(d, head);
	else if (c != NULL)
		client_check_done(c);
}

void
life_result(struct dispatcher *d, struct task *t, const uint8_t *at, size_t len,
    struct chunk *chunk)
{
	struct task *head = batch_head(t);
	struct fault fault;

	/* without the nil that is its error */
	if (head != NULL &&
	    batch_take_result(d, t, at + 1, len - 1, &fault) == -1) {
		life_fault(d, t, LIFE_FAILED, &fault);
		return;
	}
	if (head == NULL && t->client != NULL && task_is_request(t))
		answer_raw(t->client, t->msgid, at, len, chunk);
	log_task(LEVEL_DEBUG, t, "done");
	metrics_completed(d, t);
	life_done(d, t, head);
}

void
life_gathered(struct dispatcher *d, struct task *head)
{
	log_task(LEVEL_DEBUG, head, "done");
	life_done(d, head, NULL);
}

struct task *
life_tell(struct dispatcher *d, struct task *t, const struct fault *fault)
{
	struct task *head = batch_head(t);

	if (head != NULL)
		batch_take_fault(d, t, fault);
	else if (t->client != NULL && task_is_request(t))
		answer_fault(t->client, t->msgid, fault);
	return head;
}

void
life_fault(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault)
{
	struct task *head = life_tell(d, t, fault);

	log_task_failed(d, t, end, fault);
	life_count(d, t, end, fault);
	life_done(d, t, head);
}

void
life_told(struct dispatcher *d, struct task *t, enum life_end end,
    const struct fault *fault)
{
	life_count(d, t, end, fault);
	life_done(d, t, NULL);
}

void
life_orphan(struct task *t)
{
	if (t->state == TASK_QUEUED)
		pool_orphan(t->route->pool, t);
	else
		client_remove_task(t->client, t);
}

void
life_disown(struct dispatcher *d, struct task *t)
{
	if (task_is_request(t))
		msgids_remove(&d->msgids, t);
	t->notify = true;
	life_orphan(t);
}
