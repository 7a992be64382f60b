#ifndef MORO_SERVER_QUEUE_H
#define MORO_SERVER_QUEUE_H

/*
 * Tasks that wait: by priority, strictly or by weight; inside one priority the clients take turns,
 * and the tasks of one client come in their order. So a client that sends
 * thousands does not keep another's single one waiting. All operations are
 * O(1).
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/options.h"
#include "server/task.h"

#define QUEUE_AHEAD 8 /* so many tasks later: task->ahead */

/* The tasks of one client and one priority. */
struct lane {
	TAILQ_ENTRY(lane) link; /* in the queue's ring while n > 0 */
	struct task_list tasks;
	uint32_t n;
};

TAILQ_HEAD(lane_list, lane);

/* What one client has in one queue. */
struct lanes {
	struct lane by_priority[PRIORITY_N];
};

/* Weights of the priorities in one number, each of so many bits. */
#define WEIGHT_BITS 16
#define WEIGHT_MAX 1000

static inline unsigned int
queue_weight(uint64_t weights, enum priority priority)
{
	unsigned int place = PRIORITY_LOW - (unsigned int)priority;

	return (unsigned int)(weights >> WEIGHT_BITS * place) &
	       ((1u << WEIGHT_BITS) - 1);
}

struct queue {
	uint64_t weights; /* 0: strictly by priority */
	uint8_t held; /* bits of priorities that are paused */
	int32_t credit[PRIORITY_N]; /* while weighted: who has waited longest */
	int32_t credit_before[PRIORITY_N]; /* the last turn */
	struct lane_list rings[PRIORITY_N]; /* whose turn it is: the first */
	/* The lane that had the last turn, while it has tasks; then it is last. */
	struct lane *served[PRIORITY_N];
	uint32_t n[PRIORITY_N]; /* tasks in each */
	struct task *recent[QUEUE_AHEAD]; /* appended last; may be gone */
	uint32_t n_appended;
};

void queue_init(struct queue *q);

void lanes_init(struct lanes *lanes);

/* Appends the task behind those of its client and priority. */
void queue_append(struct queue *q, struct lanes *lanes, struct task *t);

/* Puts it back before all of its priority. */
void queue_return(struct queue *q, struct lanes *lanes, struct task *t);

/*
 * Takes the next task to run, of the priorities down to `lowest`. NULL: there
 * is none.
 */
struct task *queue_take(struct queue *q, enum priority lowest);

/* What was taken last, or was not there, is not run now: that was no turn. */
void queue_pass(struct queue *q);

/* The same of one priority alone, whatever is paused. */
struct task *queue_take_of(struct queue *q, enum priority priority);

/* Whether tasks of a priority may be taken: there are some, and no pause. */
static inline bool
queue_offers(const struct queue *q, int priority)
{
	return q->n[priority] > 0 && (q->held & 1u << priority) == 0;
}

/* The one that would be taken next of all, paused or not, or NULL. */
struct task *queue_first(const struct queue *q);

/* Takes a task out of the middle. */
void queue_remove(struct queue *q, struct lanes *lanes, struct task *t);

/* Tasks in all lists. */
static inline uint32_t
queue_size(const struct queue *q)
{
	return q->n[PRIORITY_HIGH] + q->n[PRIORITY_NORMAL] + q->n[PRIORITY_LOW];
}

#endif
