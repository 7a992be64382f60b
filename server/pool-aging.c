/* Tasks of low priority that have waited too long are lifted. */

#include "server/pool.h"

#include "server/dispatcher.h"
#include "server/pool-parts.h"

#define AGING_LOOKS 8 /* in the time after which a task is lifted */
#define US_PER_MS 1000

/* When the task is to be lifted, in us: each step takes the time once more. */
static uint64_t
pool_age_due(const struct pool *p, const struct task *t)
{
	uint64_t us = p->dispatcher->config->aging_ms * US_PER_MS;

	return task_queued_us(t) + us * (t->lifted + 1u);
}

/* Lifts the tasks at the head of a lane whose time has come. */
static void
pool_age_lane(struct pool *p, struct lane *lane, uint64_t now)
{
	struct task *t;

	while ((t = TAILQ_FIRST(&lane->tasks)) != NULL &&
	       pool_age_due(p, t) <= now)
		pool_lift(p, t);
}

/* Lifts those of a queue. */
static void
pool_age_queue(struct pool *p, struct queue *q, uint64_t now)
{
	/* from the top: what is lifted now is not lifted twice at once */
	for (int i = PRIORITY_HIGH + 1; i < PRIORITY_N; i++) {
		struct lane *lane = TAILQ_FIRST(&q->rings[i]);

		while (lane != NULL) {
			struct lane *next = TAILQ_NEXT(lane, link);

			pool_age_lane(p, lane, now);
			lane = next;
		}
	}
}

static void
pool_age_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;
	uint64_t now_us = loop_now_us(&p->dispatcher->loop);
	struct route *r, *next;

	pool_age_queue(p, &p->queue, now_us);
	HASH_ITER(hh, p->dispatcher->routes, r, next)
	{
		if (r->pool == p && p->n_parked > 0)
			pool_age_queue(p, &r->parked, now_us);
	}
	pool_age(p);
}

void
pool_age_init(struct pool *p)
{
	deadline_init(&p->aging, pool_age_cb, p);
}

void
pool_age(struct pool *p)
{
	uint64_t ms = p->dispatcher->config->aging_ms;

	if (ms == 0 ||
	    (p->n_parked == 0 &&
		p->queue.n[PRIORITY_NORMAL] + p->queue.n[PRIORITY_LOW] == 0))
		return;
	pool_watch(p, &p->aging, (ms + AGING_LOOKS - 1) / AGING_LOOKS);
}
