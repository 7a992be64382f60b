#include "server/queue.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void
queue_init(struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		TAILQ_INIT(&q->lists[i]);
		q->n[i] = 0;
	}
	memset(q->recent, 0, sizeof q->recent);
	q->n_appended = 0;
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
queue_append(struct queue *q, struct task *t)
{
	queue_hint(q, t);
	TAILQ_INSERT_TAIL(&q->lists[t->priority], t, link);
	q->n[t->priority]++;
}

void
queue_return(struct queue *q, struct task *t)
{
	TAILQ_INSERT_HEAD(&q->lists[t->priority], t, link);
	q->n[t->priority]++;
}

void
queue_remove(struct queue *q, struct task *t)
{
	assert(q->n[t->priority] > 0);
	TAILQ_REMOVE(&q->lists[t->priority], t, link);
	q->n[t->priority]--;
}

struct task *
queue_take(struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		struct task *t = TAILQ_FIRST(&q->lists[i]);

		if (t != NULL) {
			queue_remove(q, t);
			task_prefetch(t->ahead);
			return t;
		}
	}
	return NULL;
}

uint32_t
queue_size(const struct queue *q)
{
	uint32_t n = 0;

	for (int i = 0; i < PRIORITY_N; i++)
		n += q->n[i];
	return n;
}
