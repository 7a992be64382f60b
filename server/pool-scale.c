/*
 * How many workers a pool has: between its bounds, by how long tasks wait. It
 * grows by half at once when they wait too long, and shrinks by one when a
 * worker was not needed for a while; after a step down that had to be taken
 * back the next one takes longer, so that it comes to rest under a steady load.
 */

#include "server/pool.h"

#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/pool-parts.h"

#define SCALE_TICKS 2 /* looks in the time that tasks may wait */
#define SCALE_TICK_MIN_MS 5
#define SCALE_QUIET_TICKS 4 /* looks in the time that a worker may be idle */
#define SCALE_PATIENCE_MAX 64
#define SCALE_REGRET 3 /* a step up within so many times: it was too early */
#define US_PER_MS 1000

static void pool_scale_cb(void *owner, uint64_t now);
static void pool_nudge_cb(void *owner, uint64_t now);

void
pool_scale_init(struct pool *p)
{
	struct scale *sc = &p->scale;

	sc->min = (uint32_t)p->config->workers.min;
	sc->max = (uint32_t)p->config->workers.max;
	sc->target = sc->min;
	sc->patience = 1;
	deadline_init(&sc->tick, pool_scale_cb, p);
	deadline_init(&p->nudge, pool_nudge_cb, p);
	if (p->served)
		return;
	/* the master starts with these, too */
	for (uint32_t i = 0; i < sc->target; i++)
		p->slots[i].wanted = p->slots[i].told = true;
	p->n_top = sc->target;
}

/* How many workers there are to be and not to go. */
static uint32_t
pool_wanted(const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += p->slots[i].wanted && !p->slots[i].leaving;
	return n;
}

struct slot *
pool_want(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->wanted || s->state != SLOT_EMPTY)
			continue;
		s->wanted = true;
		if (p->n_top <= i)
			p->n_top = i + 1;
		return s;
	}
	return NULL;
}

/* The master may have read what is in its channel. */
static void
pool_nudge_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;

	p->attention = true;
}

void
pool_tend_soon(struct pool *p)
{
	pool_watch(p, &p->nudge, SCALE_TICK_MIN_MS);
}

/* Tells the master whether a slot is to have a worker, if that has changed. */
static void
pool_tell_slot(struct slot *s, enum channel_wish wish)
{
	struct message m = {
	    .type = MSG_DISPATCHER_WANT,
	    .slot = s->number,
	    .n = wish,
	};

	if (s->pool->served)
		s->told = s->wanted; /* the master has nothing to do with it */
	if (s->told == s->wanted)
		return;
	if (channel_send(s->pool->dispatcher->channel, &m, NULL, 0,
		MSG_DONTWAIT) == 0)
		s->told = s->wanted;
	else
		pool_tend_soon(s->pool);
}

/* The same of all slots. */
static void
pool_tell(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_top; i++)
		pool_tell_slot(&p->slots[i],
		    p->slots[i].wanted ? WISH_WORKER : WISH_NONE);
}

void
pool_retire(struct slot *s, const char *why)
{
	bool idle = s->state == SLOT_IDLE && !s->pool->served;

	s->wanted = s->leaving = false;
	obituary_note(s, why, NULL);
	/* first: or the master would fill the slot again at once */
	pool_tell_slot(s, idle ? WISH_LEAVES : WISH_NONE);
	if (idle && !s->told)
		slot_see_off(s);
	else
		slot_kill(s);
}

/* Which worker goes first: one that is not there yet, or has nothing to do. */
static int
pool_dispensable(const struct slot *s)
{
	static const int by_state[SLOT_STATES] = {
	    [SLOT_EMPTY] = 4,
	    [SLOT_STARTING] = 3,
	    [SLOT_IDLE] = 2,
	    [SLOT_BUSY] = 1,
	    [SLOT_DYING] = 4,
	};

	return s->wanted && !s->leaving ? by_state[s->state] : 0;
}

/* One worker less: at once, or when it has finished what it has. */
static void
pool_dismiss(struct pool *p)
{
	struct slot *s = NULL;
	int most = 0;

	for (uint32_t i = p->n_top; i-- > 0;) {
		int d = pool_dispensable(&p->slots[i]);

		if (d <= most)
			continue;
		most = d;
		s = &p->slots[i];
	}
	if (s == NULL)
		return;
	if (s == p->fresh)
		p->fresh = p->old = NULL; /* then nobody is replaced */
	if (s->state == SLOT_BUSY)
		slot_leave(s, "not needed");
	else
		pool_retire(s, "not needed");
}

/* Has those go that were to finish what they had, and have. */
static void
pool_see_off(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_top; i++) {
		struct slot *s = &p->slots[i];

		if (s->leaving && s->state == SLOT_EMPTY)
			s->leaving = s->wanted = false;
		else if (s->leaving && s->state == SLOT_IDLE)
			pool_retire(s, s->leaves_for);
	}
}

/* How many workers there are to be now: one more while one is replaced. */
static uint32_t
pool_goal(const struct pool *p)
{
	return p->scale.target + (p->fresh != NULL);
}

void
pool_tend(struct pool *p)
{
	uint32_t n;

	p->attention = false;
	for (uint32_t i = 0; i < p->n_top; i++)
		slot_execute(&p->slots[i]);
	pool_see_off(p);
	pool_recycle(p);
	n = pool_wanted(p);
	while (!p->served && n < pool_goal(p) && pool_want(p) != NULL)
		n++;
	for (; n > pool_goal(p); n--)
		pool_dismiss(p);
	pool_tell(p);
}

/* How long the first task of any priority has waited, in ms. */
static uint64_t
pool_longest_wait(const struct pool *p)
{
	uint64_t now = loop_now_us(&p->dispatcher->loop), longest = 0;

	if (p->paused || p->breaker.state != POOL_UP)
		return 0; /* more workers would not help */
	for (int i = 0; i < PRIORITY_N; i++) {
		const struct lane *lane = TAILQ_FIRST(&p->queue.rings[i]);
		uint64_t us;

		if (lane == NULL || !queue_offers(&p->queue, i))
			continue;
		us = now - task_queued_us(TAILQ_FIRST(&lane->tasks));
		if (us > longest)
			longest = us;
	}
	return longest / US_PER_MS;
}

/* Goes to another number of workers. */
static void
pool_resize(struct pool *p, uint32_t target, uint64_t now)
{
	struct scale *sc = &p->scale;

	log_info("pool %s: %u workers instead of %u", p->config->name,
	    (unsigned int)target, (unsigned int)sc->target);
	if (target > sc->target)
		sc->grown++;
	else
		sc->shrunk++;
	sc->target = target;
	sc->since = now;
	sc->busy_peak = p->n_busy;
	p->attention = true;
}

/* Up by half. */
static void
pool_grow(struct pool *p, uint64_t now)
{
	struct scale *sc = &p->scale;
	uint64_t idle = p->config->scale_idle_ms * sc->patience;
	uint32_t target = sc->target + (sc->target + 1) / 2;

	if (sc->shrunk_ms != 0 && now - sc->shrunk_ms < SCALE_REGRET * idle &&
	    sc->patience < SCALE_PATIENCE_MAX)
		sc->patience *= 2;
	sc->shrunk_ms = 0;
	pool_resize(p, target < sc->max ? target : sc->max, now);
}

/* Down by one. */
static void
pool_shrink(struct pool *p, uint64_t now)
{
	struct scale *sc = &p->scale;

	if (sc->shrunk_ms != 0 && sc->patience > 1)
		sc->patience /= 2; /* the last step was right */
	sc->shrunk_ms = now;
	pool_resize(p, sc->target - 1, now);
}

/* Looks whether there are too few workers, or too many. */
static void
pool_scale_cb(void *owner, uint64_t now)
{
	struct pool *p = owner;
	struct scale *sc = &p->scale;
	uint64_t idle = p->config->scale_idle_ms * sc->patience;

	if (sc->target < sc->max && pool_workers(p) >= sc->target &&
	    pool_longest_wait(p) >= p->config->scale_wait_ms) {
		pool_grow(p, now);
	} else if (sc->busy_peak >= sc->target) {
		sc->since = now; /* all were needed */
		sc->busy_peak = p->n_busy;
	} else if (sc->target > sc->min && now - sc->since >= idle) {
		pool_shrink(p, now);
	}
	pool_scale(p);
}

void
pool_scale(struct pool *p)
{
	const struct scale *sc = &p->scale;
	uint64_t ms = p->config->scale_wait_ms / SCALE_TICKS;

	if (sc->min == sc->max)
		return;
	if (queue_size(&p->queue) == 0) {
		if (sc->target == sc->min)
			return;
		ms = p->config->scale_idle_ms / SCALE_QUIET_TICKS;
	}
	if (ms < SCALE_TICK_MIN_MS)
		ms = SCALE_TICK_MIN_MS;
	/* one that was set while nothing waited comes too late now */
	if (deadline_is_set(&sc->tick) &&
	    sc->tick.at > loop_now(&p->dispatcher->loop) + ms)
		deadline_unset(p->dispatcher->loop.deadlines, &p->scale.tick);
	pool_watch(p, &p->scale.tick, ms);
}

void
pool_set_bounds(struct pool *p, uint32_t min, uint32_t max)
{
	struct scale *sc = &p->scale;
	uint32_t target = sc->target;

	if (p->served)
		min = max; /* as many as come */
	sc->min = min;
	sc->max = max;
	if (target < min)
		target = min;
	if (target > max)
		target = max;
	if (target != sc->target)
		pool_resize(p, target, loop_now(&p->dispatcher->loop));
	sc->patience = 1;
	sc->shrunk_ms = 0;
	pool_scale(p);
}
