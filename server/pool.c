#include "server/pool.h"

#include <stdlib.h>

#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/pool-parts.h"

#define RUN_WEIGHT 8 /* a run counts as 1/8 of the average */
#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 60000
#define US_PER_MS 1000
#define POOL_CHECK_MS 1 /* how long a batch may make no progress */

static void pool_check_cb(void *owner, uint64_t now);
static void pool_late_cb(void *owner, uint64_t now);

struct pool *
pool_new(struct dispatcher *d, const struct pool_config *config, uint32_t first)
{
	uint32_t n = config->slots;
	struct pool *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->slots = calloc(n, sizeof *p->slots);
	if (p->slots == NULL) {
		free(p);
		return NULL;
	}
	p->dispatcher = d;
	p->config = config;
	p->first = first;
	p->n_slots = n;
	queue_init(&p->queue);
	p->queue.weights = d->config->weights;
	lanes_init(&p->nobody);
	pool_age_init(p);
	p->index = d->n_pools;
	p->served = config->serve != NULL;
	p->programs = p->served || config->command != NULL;
	p->lame = p->served;
	TAILQ_INIT(&p->open);
	TAILQ_INIT(&p->delayed);
	deadline_init(&p->check, pool_check_cb, p);
	deadline_init(&p->late, pool_late_cb, p);
	for (uint32_t i = 0; i < n; i++)
		slot_init(&p->slots[i], p, first + i);
	pool_scale_init(p);
	pool_recycle_init(p);
	pool_breaker_init(p);
	return p;
}

/* Has nothing more strike. */
static void
pool_unset_deadlines(struct pool *p)
{
	struct deadline *all[] = {&p->check, &p->late, &p->aging,
	    &p->scale.tick, &p->breaker.retry, &p->recycling, &p->nudge};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		deadline_unset(p->dispatcher->loop.deadlines, all[i]);
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pool_unset_deadlines(p);
	free(p->breaker.deaths);
	free(p->slots);
	free(p);
}

void
pool_watch(struct pool *p, struct deadline *look, uint64_t after_ms)
{
	struct loop *l = &p->dispatcher->loop;

	if (!deadline_is_set(look))
		deadline_set(l->deadlines, look, loop_now(l), after_ms);
}

/* Looks after the workers that did not begin what they have. */
static void
pool_late_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;
	bool again = false;

	for (uint32_t i = 0; i < p->n_top; i++)
		again = slot_check_late(&p->slots[i]) || again;
	if (again)
		pool_watch(p, &p->late, SLOT_LATE_MS);
}

/* Looks after the workers that hold more than one task. */
static void
pool_check_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;
	bool again = false;

	for (uint32_t i = 0; i < p->n_top; i++) {
		slot_check(&p->slots[i]);
		again = again || p->slots[i].n_running > 1;
	}
	if (again)
		pool_watch(p, &p->check, POOL_CHECK_MS);
}

/*
 * Down to which priority a slot may be given tasks: some workers are reserved
 * for high ones, so only so many may hold others. One always may: there may be
 * fewer workers now than were configured.
 */
static enum priority
pool_lowest(const struct pool *p, const struct slot *s)
{
	if (p->config->reserve == 0 || s->n_ordinary > 0 ||
	    p->n_ordinary == 0 ||
	    p->n_ordinary + p->config->reserve < pool_workers(p))
		return PRIORITY_LOW;
	return PRIORITY_HIGH;
}

/* The first slot that may be handed one of those that wait, or NULL. */
static struct slot *
pool_slot(const struct pool *p, enum priority *lowest)
{
	struct slot *s;

	TAILQ_FOREACH(s, &p->open, link) {
		if (p->breaker.state == POOL_HALF_OPEN && s->state != SLOT_IDLE)
			continue; /* it would not be tried alone */
		*lowest = pool_lowest(p, s);
		if (*lowest == PRIORITY_LOW || p->queue.n[PRIORITY_HIGH] > 0)
			return s;
	}
	return NULL;
}

/* Hands out what it can. Returns whether anything; *batch: several to one. */
static bool
pool_hand_out(struct pool *p, bool *batch)
{
	enum priority lowest;
	bool any = false;
	uint32_t waiting;

	while ((waiting = queue_size(&p->queue)) > 0 && p->n_open > 0) {
		struct slot *s = pool_slot(p, &lowest);
		uint32_t share = (waiting + p->n_open - 1) / p->n_open;

		if (s == NULL || slot_fill(s, lowest, share) == 0)
			break;
		any = true;
		*batch = *batch || s->n_running > 1;
		slot_put_last(s);
		if (p->breaker.state == POOL_HALF_OPEN) {
			pool_try(p, s);
			break;
		}
	}
	return any;
}

void
pool_dispatch(struct pool *p)
{
	bool batch = false;

	if (p->served) {
		pool_hand_over(p);
		return;
	}
	if (p->n_parked > 0)
		pool_unpark(p);
	if (queue_size(&p->queue) == 0 || p->paused || pool_is_on_trial(p))
		return;
	/*
	 * While priorities mix workers had better sleep now and then: one that
	 * never does keeps the processor from those who wait for an answer.
	 */
	for (uint32_t i = 0; !pool_is_mixed(p) && i < p->n_top; i++)
		slot_progress(&p->slots[i]);
	if (pool_hand_out(p, &batch))
		pool_watch(p, &p->late, SLOT_LATE_MS);
	if (batch)
		pool_watch(p, &p->check, POOL_CHECK_MS);
	pool_age(p);
	pool_scale(p);
}

bool
pool_is_mixed(const struct pool *p)
{
	return loop_now(&p->dispatcher->loop) < p->mixed_ms;
}

bool
pool_has_room(const struct pool *p)
{
	return pool_waiting(p) < p->config->max_queue_size;
}

uint32_t
pool_workers(const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += p->slots[i].state == SLOT_IDLE ||
		     p->slots[i].state == SLOT_BUSY;
	return n;
}

uint32_t
pool_running(const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += p->slots[i].n_running;
	return n;
}

bool
pool_is_whole(const struct pool *p)
{
	return p->lame || pool_workers(p) >= p->scale.min;
}

void
pool_note_run(struct pool *p, uint64_t us)
{
	p->run_us += us / RUN_WEIGHT;
	p->run_us -= p->run_us / RUN_WEIGHT;
}

uint64_t
pool_retry_after_ms(const struct pool *p)
{
	uint64_t ms = p->run_us * pool_waiting(p) / p->scale.target / US_PER_MS;

	if (ms < RETRY_MIN_MS)
		return RETRY_MIN_MS;
	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}
