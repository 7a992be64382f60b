/*
 * Where the tasks of a pool wait: in its queue, or parked with their type,
 * which may run no more of them now, or which is not done by who is free.
 */

#include "server/pool.h"

#include <stdlib.h>

#include "server/client.h"
#include "server/dispatcher.h"
#include "server/log.h"
#include "server/pool-parts.h"

#define POOL_MIXED_MS 100 /* how long a mixture is remembered */

/* A client's tasks of one type that are parked. */
struct parking {
	LIST_ENTRY(parking) link; /* in the client's list */
	const struct route *route;
	struct lanes lanes;
};

int
pool_prepare(struct pool *p, struct client *c)
{
	struct dispatcher *d = p->dispatcher;

	if (c->lanes != NULL)
		return 0;
	c->lanes = calloc(d->n_pools, sizeof *c->lanes);
	if (c->lanes == NULL)
		return -1;
	for (uint32_t i = 0; i < d->n_pools; i++)
		lanes_init(&c->lanes[i]);
	return 0;
}

void
pool_leave(struct client *c)
{
	struct parking *k;

	while ((k = LIST_FIRST(&c->parkings)) != NULL) {
		LIST_REMOVE(k, link);
		free(k);
	}
	free(c->lanes);
	c->lanes = NULL;
}

/* The task's client's place in the queue of the pool. */
static inline struct lanes *
pool_lanes(struct pool *p, const struct task *t)
{
	return t->client != NULL ? &t->client->lanes[p->index] : &p->nobody;
}

/* Its place among the parked tasks of its type; NULL: there is none yet. */
static struct lanes *
pool_parking(const struct task *t)
{
	struct parking *k;

	if (t->client == NULL)
		return &t->route->nobody;
	LIST_FOREACH(k, &t->client->parkings, link) {
		if (k->route == t->route)
			return &k->lanes;
	}
	return NULL;
}

/* The same, made if need be; NULL: no memory. */
static struct lanes *
pool_new_parking(const struct task *t)
{
	struct lanes *lanes = pool_parking(t);
	struct parking *k;

	if (lanes != NULL)
		return lanes;
	k = malloc(sizeof *k);
	if (k == NULL)
		return NULL;
	k->route = t->route;
	lanes_init(&k->lanes);
	LIST_INSERT_HEAD(&t->client->parkings, k, link);
	return &k->lanes;
}

/*
 * Puts a task aside until its type may run one more. One that was parked before
 * keeps its place. Returns 0, or -1: there is no memory.
 */
static int
pool_park(struct pool *p, struct task *t)
{
	struct lanes *lanes = pool_new_parking(t);

	if (lanes == NULL)
		return -1;
	if (t->was_parked)
		queue_return(&t->route->parked, lanes, t);
	else
		queue_append(&t->route->parked, lanes, t);
	t->parked = t->was_parked = true;
	p->n_parked++;
	return 0;
}

/*
 * How many more of a type may be put back: as many as may run, and where one
 * worker is looked at after the other no more than that takes.
 */
static uint32_t
pool_room_of(const struct pool *p, const struct route *r)
{
	uint32_t most = p->served ? 1 : UINT32_MAX;
	uint32_t room;

	if (r->max_running == 0)
		return most;
	room = r->max_running - r->n_running;
	return room < most ? room : most;
}

/*
 * Puts parked tasks of one type and priority back: which priority is next, is
 * for the queue to say. Those of last time must be gone: or these would overtake
 * them.
 */
static void
pool_unpark_some(struct pool *p, struct route *r, enum priority priority)
{
	struct task_list taken = TAILQ_HEAD_INITIALIZER(taken);
	uint32_t most = pool_room_of(p, r);
	struct task *t;

	if (r->n_unparked[priority] > 0)
		return;
	while (
	    most-- > 0 && (t = queue_take_of(&r->parked, priority)) != NULL) {
		t->parked = false;
		t->unparked = true;
		r->n_unparked[priority]++;
		p->n_parked--;
		TAILQ_INSERT_HEAD(&taken, t, link);
	}
	/* the last one goes first: each is put before all others */
	while ((t = TAILQ_FIRST(&taken)) != NULL) {
		TAILQ_REMOVE(&taken, t, link);
		queue_return(&p->queue, pool_lanes(p, t), t);
	}
}

void
pool_unpark(struct pool *p)
{
	struct route *r, *next;

	HASH_ITER(hh, p->dispatcher->routes, r, next)
	{
		if (r->pool != p || queue_size(&r->parked) == 0 ||
		    !route_is_open(r))
			continue;
		for (int i = 0; i < PRIORITY_N; i++)
			pool_unpark_some(p, r, (enum priority)i);
	}
}

/* It is not among those that were put back any more. */
static inline void
pool_forget_unparked(struct task *t)
{
	if (t->unparked)
		t->route->n_unparked[t->priority]--;
	t->unparked = false;
}

struct task *
pool_take(struct pool *p, enum priority lowest)
{
	struct task *t;

	while ((t = queue_take(&p->queue, lowest)) != NULL) {
		pool_forget_unparked(t);
		if (route_is_open(t->route))
			return t;
		queue_pass(&p->queue);
		if (pool_park(p, t) == -1) {
			log_error("no memory to park a task");
			queue_return(&p->queue, pool_lanes(p, t), t);
			return NULL;
		}
	}
	/* it is not empty: what is parked is there for others */
	if (p->n_parked > 0)
		queue_pass(&p->queue);
	return NULL;
}

void
pool_add(struct pool *p, struct task *t)
{
	uint64_t now = loop_now(&p->dispatcher->loop);

	task_set_queued_us(t, loop_now_us(&p->dispatcher->loop));
	queue_append(&p->queue, pool_lanes(p, t), t);
	p->seen_ms[t->priority] = now;
	for (int lower = t->priority + 1; lower < PRIORITY_N; lower++) {
		if (now - p->seen_ms[lower] < POOL_MIXED_MS)
			p->mixed_ms = now + POOL_MIXED_MS;
	}
}

void
pool_add_first(struct pool *p, struct task *t)
{
	queue_return(&p->queue, pool_lanes(p, t), t);
}

void
pool_remove(struct pool *p, struct task *t)
{
	pool_forget_unparked(t);
	if (!t->parked) {
		queue_remove(&p->queue, pool_lanes(p, t), t);
		return;
	}
	queue_remove(&t->route->parked, pool_parking(t), t);
	t->parked = false;
	p->n_parked--;
}

void
pool_orphan(struct pool *p, struct task *t)
{
	bool parked = t->parked;

	pool_remove(p, t);
	client_remove_task(t->client, t);
	t->was_parked = false; /* behind those that nobody waits for either */
	if (parked && pool_park(p, t) == 0)
		return;
	queue_append(&p->queue, &p->nobody, t);
}

void
pool_lift(struct pool *p, struct task *t)
{
	pool_remove(p, t);
	t->was_parked = false; /* behind those of its new priority */
	t->priority--;
	t->lifted++;
	queue_append(&p->queue, pool_lanes(p, t), t);
}

void
pool_delay(struct pool *p, struct task *t)
{
	TAILQ_INSERT_TAIL(&p->delayed, t, link);
	p->n_delayed++;
}

void
pool_undelay(struct pool *p, struct task *t)
{
	TAILQ_REMOVE(&p->delayed, t, link);
	p->n_delayed--;
}
