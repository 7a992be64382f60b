/*
 * Workers are replaced after a number of tasks, at an age, above a size, or when
 * the configuration has changed: one at a time, the new one is ready before the
 * old one is handed no more, and that goes when it has finished.
 */

#include "server/pool.h"

#include <bsd/stdlib.h>

#include "server/dispatcher.h"
#include "server/log.h"
#include "server/pool-parts.h"
#include "server/usage.h"

#define RECYCLE_JITTER 5 /* a limit is up to a fifth lower: not all at once */
#define RECYCLE_RSS_MS 100 /* between two looks at a worker's size */

static void pool_recycle_cb(void *owner, uint64_t now);

void
pool_recycle_init(struct pool *p)
{
	deadline_init(&p->recycling, pool_recycle_cb, p);
}

static void
pool_recycle_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;

	p->attention = true;
}

/* A limit less some jitter; none stays none. */
static uint64_t
recycle_jitter(uint64_t limit)
{
	uint64_t most = limit / RECYCLE_JITTER;

	if (limit == 0)
		return 0;
	return limit - arc4random_uniform(
			   most < UINT32_MAX ? (uint32_t)most + 1 : UINT32_MAX);
}

void
pool_worker_born(struct slot *s)
{
	const struct pool_config *config = s->pool->config;
	struct recycle *r = &s->recycle;

	r->tasks = recycle_jitter(config->recycle_tasks);
	r->age_ms = recycle_jitter(config->recycle_age_ms);
	r->looked_ms = loop_now(&s->pool->dispatcher->loop);
	r->looked_tasks = s->tasks_done;
	r->large = r->outdated = false;
}

/* Whether a worker is too large; looked at when it has answered, now and then. */
static bool
recycle_is_large(struct slot *s, uint64_t now)
{
	struct recycle *r = &s->recycle;
	uint64_t limit = s->pool->config->recycle_rss;
	struct usage usage;

	/* one that has done nothing yet: the next would be as large */
	if (limit == 0 || r->large || s->tasks_done == r->looked_tasks)
		return r->large;
	if (now - r->looked_ms < RECYCLE_RSS_MS) {
		pool_watch(s->pool, &s->pool->nudge, RECYCLE_RSS_MS);
		return false;
	}
	r->looked_ms = now;
	r->looked_tasks = s->tasks_done;
	r->large = usage_read(&usage, s->worker->pid, s->worker->pidfd) == 0 &&
		   usage.rss > limit;
	return r->large;
}

const char *
pool_recycle_reason(struct slot *s, uint64_t now)
{
	const struct recycle *r = &s->recycle;
	const struct obituary *o;

	if (!s->wanted || s->leaving ||
	    (s->state != SLOT_IDLE && s->state != SLOT_BUSY))
		return NULL;
	o = &s->worker->obituary;
	if (r->outdated)
		return "recycled: the configuration has changed";
	if (r->tasks != 0 && s->tasks_done - o->tasks_before >= r->tasks)
		return "recycled: it has done its tasks";
	if (r->age_ms != 0 && now - o->born_ms >= r->age_ms)
		return "recycled: it has reached its age";
	if (recycle_is_large(s, now))
		return "recycled: it has grown too large";
	return NULL;
}

/* The replacement is there: the old one is handed nothing more. */
static void
pool_relieve(struct pool *p)
{
	struct slot *old = p->old;

	p->fresh = p->old = NULL;
	if (old->worker == NULL || old->worker->generation != p->old_generation)
		return; /* it died meanwhile */
	p->recycled++;
	slot_leave(old, p->old_why);
	if (old->state == SLOT_IDLE)
		pool_retire(old, old->leaves_for);
}

/*
 * Whether as many as there are to be are on their way out, held up by their
 * tasks: the next one waits.
 */
static bool
pool_relieves(const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += p->slots[i].leaving;
	return n >= p->scale.target;
}

/* The worker that is replaced next, and why: rather one that is idle. */
static struct slot *
pool_due(struct pool *p, uint64_t now, const char **why)
{
	struct slot *busy = NULL;

	for (uint32_t i = 0; i < p->n_top; i++) {
		struct slot *s = &p->slots[i];
		const char *reason = pool_recycle_reason(s, now);

		if (reason == NULL || (busy != NULL && s->state == SLOT_BUSY))
			continue;
		*why = reason;
		if (s->state != SLOT_BUSY)
			return s;
		busy = s;
	}
	return busy;
}

/* Begins to replace one that is due. */
static void
pool_replace(struct pool *p, uint64_t now)
{
	const char *why;
	struct slot *s = pool_due(p, now, &why);

	if (s == NULL)
		return;
	p->fresh = pool_want(p);
	if (p->fresh == NULL)
		return; /* no slot is left: later */
	p->old = s;
	p->old_generation = s->worker->generation;
	p->old_why = why;
}

/* Sets the deadline for the worker that reaches its age next. */
static void
pool_arm_age(struct pool *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < p->n_top; i++) {
		const struct slot *s = &p->slots[i];
		uint64_t at;

		if (s->worker == NULL || s->recycle.age_ms == 0 || s->leaving)
			continue;
		at = s->worker->obituary.born_ms + s->recycle.age_ms;
		if (at > now && at < next)
			next = at;
	}
	deadline_unset(p->dispatcher->loop.deadlines, &p->recycling);
	if (next != UINT64_MAX)
		pool_watch(p, &p->recycling, next - now);
}

void
pool_recycle(struct pool *p)
{
	uint64_t now = loop_now(&p->dispatcher->loop);

	if (p->fresh != NULL &&
	    (p->fresh->state == SLOT_IDLE || p->fresh->state == SLOT_BUSY))
		pool_relieve(p);
	if (p->served)
		pool_send_away(p, now);
	else if (p->fresh == NULL && !pool_relieves(p))
		pool_replace(p, now);
	if (p->config->recycle_age_ms != 0)
		pool_arm_age(p, now);
}

bool
pool_recycles(const struct pool *p)
{
	const struct pool_config *c = p->config;

	return c->recycle_tasks != 0 || c->recycle_rss != 0;
}

void
pool_renew(struct pool *p)
{
	if (p->served)
		return; /* nothing that it says is about their processes */
	for (uint32_t i = 0; i < p->n_top; i++)
		p->slots[i].recycle.outdated = p->slots[i].worker != NULL;
	p->attention = true;
}

void
pool_renew_at_once(struct pool *p)
{
	static const char why[] = "recycled: the keys have changed";

	if (p->served)
		return; /* they have none of them */
	p->fresh = p->old = NULL;
	for (uint32_t i = 0; i < p->n_top; i++) {
		struct slot *s = &p->slots[i];

		if (s->worker == NULL || s->state == SLOT_DYING)
			continue;
		p->recycled++;
		if (s->state == SLOT_BUSY)
			slot_leave(s, why);
		else
			pool_retire(s, why);
	}
	p->attention = true;
}
