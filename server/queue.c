#include "server/queue.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void
queue_init(struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		TAILQ_INIT(&q->rings[i]);
		q->n[i] = 0;
	}
	memset(q->recent, 0, sizeof q->recent);
	q->n_appended = 0;
}

void
lanes_init(struct lanes *lanes)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		TAILQ_INIT(&lanes->by_priority[i].tasks);
		lanes->by_priority[i].n = 0;
	}
}

/* Tells the task that was queued some tasks before of this one. */
static void
queue_hint(struct queue *q, struct task *t)
{
	struct task **before = &q->recent[q->n_appended++ % QUEUE_AHEAD];

	if (*before != NULL)
		(*before)->ahead = t;
	*before = t;
}

void
queue_append(struct queue *q, struct lanes *lanes, struct task *t)
{
	struct lane *lane = &lanes->by_priority[t->priority];

	queue_hint(q, t);
	TAILQ_INSERT_TAIL(&lane->tasks, t, link);
	if (lane->n++ == 0)
		TAILQ_INSERT_TAIL(&q->rings[t->priority], lane, link);
	q->n[t->priority]++;
}

void
queue_return(struct queue *q, struct lanes *lanes, struct task *t)
{
	struct lane_list *ring = &q->rings[t->priority];
	struct lane *lane = &lanes->by_priority[t->priority];

	TAILQ_INSERT_HEAD(&lane->tasks, t, link);
	if (lane->n++ > 0)
		TAILQ_REMOVE(ring, lane, link);
	TAILQ_INSERT_HEAD(ring, lane, link);
	q->n[t->priority]++;
}

/* Takes a task out of its lane. */
static inline void
queue_leave(struct queue *q, struct lane *lane, struct task *t)
{
	struct lane_list *ring = &q->rings[t->priority];

	assert(lane->n > 0 && q->n[t->priority] > 0);
	TAILQ_REMOVE(&lane->tasks, t, link);
	if (--lane->n == 0)
		TAILQ_REMOVE(ring, lane, link);
	q->n[t->priority]--;
}

void
queue_remove(struct queue *q, struct lanes *lanes, struct task *t)
{
	queue_leave(q, &lanes->by_priority[t->priority], t);
}

struct task *
queue_take(struct queue *q, enum priority lowest)
{
	for (int i = 0; i <= (int)lowest; i++) {
		struct lane *lane = TAILQ_FIRST(&q->rings[i]);
		struct task *t;

		if (lane == NULL)
			continue;
		t = TAILQ_FIRST(&lane->tasks);
		queue_leave(q, lane, t);
		/* the next turn is another client's */
		if (lane->n > 0 && TAILQ_NEXT(lane, link) != NULL) {
			TAILQ_REMOVE(&q->rings[i], lane, link);
			TAILQ_INSERT_TAIL(&q->rings[i], lane, link);
		}
		task_prefetch(t->ahead);
		return t;
	}
	return NULL;
}

struct task *
queue_first(const struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		const struct lane *lane = TAILQ_FIRST(&q->rings[i]);

		if (lane != NULL)
			return TAILQ_FIRST(&lane->tasks);
	}
	return NULL;
}
