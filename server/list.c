#include "server/list.h"

#include <stdbool.h>
#include <stdlib.h>

#include "server/client.h"

/* A search under way. */
struct list {
	const struct list_filter *filter;
	const struct task **out;
	uint32_t n; /* found */
	uint32_t looks; /* tasks looked at */
};

static bool
list_wants(const struct list *l, enum task_state state)
{
	return (l->filter->states & 1u << state) != 0;
}

/* Looks at one task. False: the search is over. */
static bool
list_look(struct list *l, const struct task *t)
{
	const struct list_filter *f = l->filter;

	if (list_wants(l, (enum task_state)t->state) &&
	    (f->route == NULL || t->route == f->route) &&
	    (f->client == 0 ||
		(t->client != NULL && t->client->number == f->client)))
		l->out[l->n++] = t;
	return l->n < f->limit && ++l->looks < LIST_LOOKS_MAX;
}

/* Looks at the tasks of one list. False: the search is over. */
static bool
list_walk(struct list *l, const struct task_list *tasks)
{
	const struct task *t;

	TAILQ_FOREACH(t, tasks, link) {
		if (!list_look(l, t))
			return false;
	}
	return true;
}

/* Looks at what workers have. */
static bool
list_running(struct list *l, const struct pool *p)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		if (!list_walk(l, &p->slots[i].running))
			return false;
	}
	return true;
}

/* Where the clients of a priority are in a walk through their tasks. */
struct list_turns {
	const struct task **next; /* of each client, or NULL: it has no more */
	uint32_t n;
};

/* Sets out at each client's first task. False: no memory. */
static bool
list_turns_init(struct list_turns *turns, const struct lane_list *ring)
{
	const struct lane *lane;
	uint32_t n = 0;

	TAILQ_FOREACH(lane, ring, link)
		n++;
	turns->n = 0;
	turns->next = calloc(n + 1, sizeof turns->next[0]);
	if (turns->next == NULL)
		return false;
	TAILQ_FOREACH(lane, ring, link)
		turns->next[turns->n++] = TAILQ_FIRST(&lane->tasks);
	return true;
}

/* Looks at one task of each client. False: the search is over. */
static bool
list_turn(struct list *l, struct list_turns *turns, bool *more)
{
	*more = false;
	for (uint32_t i = 0; i < turns->n; i++) {
		const struct task *t = turns->next[i];

		if (t == NULL)
			continue;
		turns->next[i] = TAILQ_NEXT(t, link);
		*more = true;
		if (!list_look(l, t))
			return false;
	}
	return true;
}

/* Looks at the tasks of one priority: the clients take turns. */
static bool
list_ring(struct list *l, const struct lane_list *ring)
{
	struct list_turns turns;
	bool more = true, on = true;

	if (!list_turns_init(&turns, ring))
		return false;
	while (more && on)
		on = list_turn(l, &turns, &more);
	free((void *)turns.next);
	return on;
}

static bool
list_queue(struct list *l, const struct queue *q)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		if (!list_ring(l, &q->rings[i]))
			return false;
	}
	return true;
}

/* Looks at what waits; last those whose type may run no more now. */
static bool
list_queued(struct list *l, const struct pool *p)
{
	const struct route *r = p->dispatcher->routes;

	if (!list_queue(l, &p->queue))
		return false;
	for (; r != NULL; r = r->hh.next) {
		if (r->pool == p && !list_queue(l, &r->parked))
			return false;
	}
	return true;
}

static bool
list_delayed(struct list *l, const struct pool *p)
{
	return list_walk(l, &p->delayed);
}

static bool
list_gathering(struct list *l, const struct pool *p)
{
	const struct task *t;

	TAILQ_FOREACH(t, &p->dispatcher->batches, link) {
		if (t->route->pool == p && !list_look(l, t))
			return false;
	}
	return true;
}

/* Looks at one client's tasks in a state and, if they wait, of a priority. */
static bool
list_client(struct list *l, const struct client *c, enum task_state state,
    int priority)
{
	const struct task *t;

	TAILQ_FOREACH(t, &c->tasks, client_link) {
		bool fits = t->state == state &&
			    (state != TASK_QUEUED || t->priority == priority);

		if (fits ? !list_look(l, t) : ++l->looks >= LIST_LOOKS_MAX)
			return false;
	}
	return true;
}

static const struct client *
list_client_of(const struct dispatcher *d, uint64_t number)
{
	const struct client *c;

	TAILQ_FOREACH(c, &d->clients, link) {
		if (c->number == number)
			return c;
	}
	return NULL;
}

/* Looks at the tasks of one client, without a look at those of others. */
static void
list_one_client(struct list *l, const struct dispatcher *d)
{
	const struct client *c = list_client_of(d, l->filter->client);

	if (c == NULL || !list_client(l, c, TASK_RUNNING, 0))
		return;
	for (int i = 0; i < PRIORITY_N; i++) {
		if (!list_client(l, c, TASK_QUEUED, i))
			return;
	}
	if (list_client(l, c, TASK_DELAYED, 0))
		list_client(l, c, TASK_GATHERING, 0);
}

uint32_t
list_find(const struct dispatcher *d, const struct list_filter *f,
    const struct task **out)
{
	static const struct {
		enum task_state state;
		bool (*look)(struct list *l, const struct pool *p);
	} places[] = {
	    {TASK_RUNNING, list_running},
	    {TASK_QUEUED, list_queued},
	    {TASK_DELAYED, list_delayed},
	    {TASK_GATHERING, list_gathering},
	};
	struct list l = {.filter = f, .out = out};
	const struct pool *p;

	if (f->client != 0) {
		list_one_client(&l, d);
		return l.n;
	}
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (!list_wants(&l, places[i].state))
			continue;
		TAILQ_FOREACH(p, &d->pools, link) {
			if (!places[i].look(&l, p))
				return l.n;
		}
	}
	return l.n;
}
