#include "server/queue.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void
queue_init(struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		TAILQ_INIT(&q->rings[i]);
		q->served[i] = NULL;
		q->n[i] = 0;
	}
	memset(q->recent, 0, sizeof q->recent);
	memset(q->credit, 0, sizeof q->credit);
	q->weights = 0;
	q->held = 0;
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

/*
 * A lane has tasks now: its turn comes when all others have had theirs, and so
 * before that of the one that has just had it.
 */
static void
queue_join(struct queue *q, struct lane *lane, uint8_t priority)
{
	struct lane *served = q->served[priority];

	if (served != NULL)
		TAILQ_INSERT_BEFORE(served, lane, link);
	else
		TAILQ_INSERT_TAIL(&q->rings[priority], lane, link);
}

void
queue_append(struct queue *q, struct lanes *lanes, struct task *t)
{
	struct lane *lane = &lanes->by_priority[t->priority];

	queue_hint(q, t);
	TAILQ_INSERT_TAIL(&lane->tasks, t, link);
	if (lane->n++ == 0)
		queue_join(q, lane, t->priority);
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
	if (q->served[t->priority] == lane)
		q->served[t->priority] = NULL; /* it had no turn after all */
	q->n[t->priority]++;
}

/* Takes a task out of its lane. */
static inline void
queue_leave(struct queue *q, struct lane *lane, struct task *t)
{
	struct lane_list *ring = &q->rings[t->priority];

	assert(lane->n > 0 && q->n[t->priority] > 0);
	TAILQ_REMOVE(&lane->tasks, t, link);
	if (--lane->n == 0) {
		TAILQ_REMOVE(ring, lane, link);
		if (q->served[t->priority] == lane)
			q->served[t->priority] = NULL;
	}
	q->n[t->priority]--;
}

void
queue_remove(struct queue *q, struct lanes *lanes, struct task *t)
{
	queue_leave(q, &lanes->by_priority[t->priority], t);
}

/*
 * The priority whose turn it is by weight: in each turn all that have tasks gain
 * their weight, and the one that has most pays for all. So turns are spread
 * evenly, and who has no tasks saves nothing up.
 */
static int
queue_weighted(struct queue *q, int lowest)
{
	int32_t total = 0;
	int best = -1;

	memcpy(q->credit_before, q->credit, sizeof q->credit);
	for (int i = 0; i <= lowest; i++) {
		int32_t w = (int32_t)queue_weight(q->weights, (enum priority)i);

		if (!queue_offers(q, i)) {
			q->credit[i] = 0;
			continue;
		}
		q->credit[i] += w;
		total += w;
		if (best == -1 || q->credit[i] > q->credit[best])
			best = i;
	}
	if (best != -1)
		q->credit[best] -= total;
	return best;
}

/* The priority whose turn it is; -1: none has tasks. */
static inline int
queue_turn(struct queue *q, int lowest)
{
	if (q->weights != 0)
		return queue_weighted(q, lowest);
	for (int i = 0; i <= lowest; i++) {
		if (queue_offers(q, i))
			return i;
	}
	return -1;
}

/* Takes the next task of a priority, of which there is one. */
static struct task *
queue_take_next(struct queue *q, int i)
{
	struct lane *lane = TAILQ_FIRST(&q->rings[i]);
	struct task *t = TAILQ_FIRST(&lane->tasks);

	queue_leave(q, lane, t);
	/* the next turn is another client's */
	if (lane->n > 0 && TAILQ_NEXT(lane, link) != NULL) {
		TAILQ_REMOVE(&q->rings[i], lane, link);
		TAILQ_INSERT_TAIL(&q->rings[i], lane, link);
	}
	q->served[i] = lane->n > 0 ? lane : NULL;
	task_prefetch(t->ahead);
	return t;
}

struct task *
queue_take(struct queue *q, enum priority lowest)
{
	int i = queue_turn(q, (int)lowest);

	return i != -1 ? queue_take_next(q, i) : NULL;
}

void
queue_pass(struct queue *q)
{
	if (q->weights != 0)
		memcpy(q->credit, q->credit_before, sizeof q->credit);
}

struct task *
queue_take_of(struct queue *q, enum priority priority)
{
	return q->n[priority] > 0 ? queue_take_next(q, (int)priority) : NULL;
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
