/*
 * A pool whose workers die before they have done a task would keep its callers
 * waiting for ever: it is taken out of service, says so at once to everybody,
 * and tries again by itself with one task. A task that kills one worker after
 * the other says nothing of the pool: it counts once. One that has used up what
 * memory or processor time it may have does not count at all.
 */

#include "server/pool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/pool-parts.h"

#define BREAKER_PAUSE_MAX_MS 60000
#define BREAKER_RETRY_MIN_MS 10

static void pool_breaker_cb(void *owner, uint64_t now);

void
pool_breaker_init(struct pool *p)
{
	deadline_init(&p->breaker.retry, pool_breaker_cb, p);
}

const char *
pool_state_name(const struct pool *p)
{
	static const char *const names[] = {
	    [POOL_UP] = "up",
	    [POOL_DOWN] = "down",
	    [POOL_HALF_OPEN] = "half-open",
	};

	if (p->breaker.state == POOL_UP && p->paused)
		return "paused";
	return names[p->breaker.state];
}

void
pool_down_fault(const struct pool *p, struct fault *fault)
{
	uint64_t now = loop_now(&p->dispatcher->loop);
	uint64_t at = p->breaker.retry.at;

	fault_set(fault, CODE_WORKER_ERROR, "pool_down",
	    "pool %s is down: its workers die before they have done a task",
	    p->config->name);
	fault->retryable = true;
	fault_add_text(fault, "pool", p->config->name);
	fault_add_number(fault, "retryAfterMs",
	    (int64_t)(at > now + BREAKER_RETRY_MIN_MS ? at - now
						      : BREAKER_RETRY_MIN_MS));
}

/* The next task of a pool that waits, or NULL. */
struct task *
pool_first(const struct pool *p)
{
	struct task *t = queue_first(&p->queue);
	struct route *r, *next;

	if (t == NULL)
		t = TAILQ_FIRST(&p->delayed);
	if (t != NULL || p->n_parked == 0)
		return t;
	HASH_ITER(hh, p->dispatcher->routes, r, next)
	{
		if (r->pool == p && (t = queue_first(&r->parked)) != NULL)
			return t;
	}
	return NULL;
}

/* Takes the pool out of service. */
static void
pool_break(struct pool *p, uint64_t now)
{
	struct breaker *b = &p->breaker;

	if (b->pause_ms == 0 || b->state == POOL_UP)
		b->pause_ms = p->config->breaker_pause_ms;
	else if (b->pause_ms < BREAKER_PAUSE_MAX_MS)
		b->pause_ms *= 2;
	b->state = POOL_DOWN;
	b->n_deaths = 0;
	log_error("pool %s is down: its workers die before they have done a "
		  "task; next try in %" PRIu64 " ms",
	    p->config->name, b->pause_ms);
	deadline_set(p->dispatcher->loop.deadlines, &b->retry, now,
	    b->pause_ms);
	pool_refuse_all(p);
}

bool
pool_is_on_trial(const struct pool *p)
{
	const struct breaker *b = &p->breaker;

	return b->state == POOL_HALF_OPEN && b->trial != NULL &&
	       b->trial->worker != NULL &&
	       b->trial->worker->generation == b->generation &&
	       b->trial->n_running > 0;
}

void
pool_try(struct pool *p, struct slot *s)
{
	p->breaker.trial = s;
	p->breaker.generation = s->worker->generation;
}

void
pool_refuse_all(struct pool *p)
{
	struct fault fault;
	struct task *t;

	while ((t = pool_first(p)) != NULL) {
		pool_down_fault(p, &fault);
		life_fault(p->dispatcher, t, LIFE_FAILED, &fault);
	}
}

/* The pause is over: one task is tried. */
static void
pool_breaker_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;

	p->breaker.state = POOL_HALF_OPEN;
	p->breaker.trial = NULL;
	log_info("pool %s is tried again", p->config->name);
}

/* How many deaths are too many. */
static uint64_t
pool_deaths_max(const struct pool *p)
{
	uint64_t n = p->config->breaker_deaths * p->scale.target;

	return n < BREAKER_DEATHS ? n : BREAKER_DEATHS;
}

/*
 * Keeps the time of a death. Returns how many there were in the window. There is
 * room for one more: when the last place is taken the pool breaks.
 */
static uint64_t
pool_count_death(struct pool *p, uint64_t now)
{
	struct breaker *b = &p->breaker;
	uint64_t window = p->config->breaker_window_ms;
	uint32_t gone = 0;

	if (b->deaths == NULL)
		b->deaths = calloc(BREAKER_DEATHS, sizeof *b->deaths);
	if (b->deaths == NULL)
		return 0;
	while (gone < b->n_deaths && now - b->deaths[gone] > window)
		gone++;
	b->n_deaths -= gone;
	memmove(b->deaths, b->deaths + gone, b->n_deaths * sizeof *b->deaths);
	assert(b->n_deaths < BREAKER_DEATHS);
	b->deaths[b->n_deaths++] = now;
	return b->n_deaths;
}

void
pool_worker_died(struct pool *p, const struct slot *s)
{
	uint64_t now = loop_now(&p->dispatcher->loop);
	const struct slot_link *w = s->worker;

	if (w->killed || w->limited || !s->wanted ||
	    p->config->breaker_deaths == 0 ||
	    s->tasks_done != w->obituary.tasks_before ||
	    p->breaker.state == POOL_DOWN || p->dispatcher->draining)
		return;
	if (p->breaker.state == POOL_HALF_OPEN ||
	    (!w->blamed && pool_count_death(p, now) >= pool_deaths_max(p)))
		pool_break(p, now);
}

void
pool_mend(struct pool *p)
{
	deadline_unset(p->dispatcher->loop.deadlines, &p->breaker.retry);
	p->breaker.state = POOL_UP;
	p->breaker.n_deaths = 0;
	p->breaker.pause_ms = 0;
	log_info("pool %s is up again", p->config->name);
}
