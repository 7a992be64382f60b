/*
 * Pools whose workers dial in. They are not all equal: each says which types it
 * does, and a task waits until one is free that does it. There may be none at
 * all, for as long as the task's limits allow.
 */

#include "server/pool.h"

#include "server/dispatcher.h"
#include "server/pool-parts.h"
#include "server/users.h"

/* Workers that are there, on their way out too. */
static uint32_t
pool_present(const struct pool *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_top; i++)
		n += p->slots[i].worker != NULL;
	return n;
}

struct slot *
pool_seat(struct pool *p)
{
	struct slot *s;

	if (pool_present(p) >= p->scale.target)
		return NULL;
	s = pool_want(p);
	if (s != NULL)
		s->told = true;
	return s;
}

void
pool_unseat(struct slot *s)
{
	s->wanted = s->told = s->leaving = false;
}

/* From now on the types are open that a worker does, and no others. */
static void
pool_look_for(struct pool *p, const struct slot_link *w)
{
	struct route *r, *next;

	HASH_ITER(hh, p->dispatcher->routes, r, next)
	{
		if (r->pool == p)
			route_set_hold(r, ROUTE_NOT_HERE,
			    (w->offers >> r->index & 1) == 0);
	}
}

/*
 * Each free worker is given what comes first of what it does. What it comes by
 * on the way is parked until it is another one's turn.
 */
void
pool_hand_over(struct pool *p)
{
	struct slot *s = TAILQ_FIRST(&p->open), *next;

	if (p->paused)
		return;
	for (; s != NULL && pool_waiting(p) > 0; s = next) {
		next = TAILQ_NEXT(s, link);
		pool_look_for(p, s->worker);
		if (p->n_parked > 0)
			pool_unpark(p);
		slot_fill(s, PRIORITY_LOW, 1);
	}
	pool_age(p);
}

void
pool_send_away(struct pool *p, uint64_t now)
{
	/* nobody else would come for what is left to be done */
	if (p->dispatcher->draining)
		return;
	for (uint32_t i = 0; i < p->n_top; i++) {
		struct slot *s = &p->slots[i];
		const char *why = pool_recycle_reason(s, now);

		if (why == NULL)
			continue;
		p->recycled++;
		slot_leave(s, why);
		if (s->state == SLOT_IDLE)
			pool_retire(s, why);
	}
}

bool
pool_takes_files(const struct pool *p)
{
	return !p->served || users_are_own(p->config->serve);
}
