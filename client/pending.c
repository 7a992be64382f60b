#include "client/pending.h"

#include <stdlib.h>

#include "client/letter.h"

#define BUCKETS_MIN 16

void
pendings_init(struct pendings *ps)
{
	TAILQ_INIT(&ps->sent);
	TAILQ_INIT(&ps->answered);
	TAILQ_INIT(&ps->ended);
	ps->buckets = NULL;
	ps->n_buckets = 0;
	ps->n = 0;
	ps->n_sent = 0;
	ps->last = 0;
}

void
pendings_clear(struct pendings *ps)
{
	struct pending *p;

	while ((p = TAILQ_FIRST(&ps->sent)) != NULL)
		pending_free(ps, p);
	while ((p = TAILQ_FIRST(&ps->answered)) != NULL)
		pending_free(ps, p);
	while ((p = TAILQ_FIRST(&ps->ended)) != NULL)
		pending_free(ps, p);
	free(ps->buckets);
	ps->buckets = NULL;
	ps->n_buckets = 0;
}

/* The place in the table where the chain of a number begins. */
static struct pending **
pending_bucket(const struct pendings *ps, uint64_t number)
{
	return &ps->buckets[number & (ps->n_buckets - 1)];
}

/* Puts an entry at the head of its chain. */
static void
pending_chain(struct pendings *ps, struct pending *p)
{
	struct pending **bucket = pending_bucket(ps, p->number);

	p->chain = *bucket;
	*bucket = p;
}

/* Doubles the table when it is full, so that chains stay short. */
static int
pending_grow(struct pendings *ps)
{
	size_t n = ps->n_buckets == 0 ? BUCKETS_MIN : ps->n_buckets * 2;
	struct pending **buckets;
	struct pending *p;

	if (ps->n < ps->n_buckets)
		return 0;
	buckets = calloc(n, sizeof *buckets);
	if (buckets == NULL)
		return -1;
	free(ps->buckets);
	ps->buckets = buckets;
	ps->n_buckets = n;
	TAILQ_FOREACH(p, &ps->sent, order)
		pending_chain(ps, p);
	TAILQ_FOREACH(p, &ps->answered, order)
		pending_chain(ps, p);
	TAILQ_FOREACH(p, &ps->ended, order)
		pending_chain(ps, p);
	return 0;
}

struct pending *
pending_new(struct pendings *ps, moro_reply_cb cb, void *user)
{
	struct pending *p;

	if (pending_grow(ps) == -1)
		return NULL;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->number = ++ps->last;
	p->state = PENDING_SENT;
	p->cb = cb;
	p->user = user;
	TAILQ_INSERT_TAIL(&ps->sent, p, order);
	pending_chain(ps, p);
	ps->n++;
	ps->n_sent++;
	return p;
}

/* Takes the entry off the list that its state says. */
static void
pending_unlist(struct pendings *ps, struct pending *p)
{
	if (p->state == PENDING_ANSWERED)
		TAILQ_REMOVE(&ps->answered, p, order);
	else if (p->state == PENDING_ENDED)
		TAILQ_REMOVE(&ps->ended, p, order);
	else
		TAILQ_REMOVE(&ps->sent, p, order);
	if (p->state == PENDING_SENT || p->state == PENDING_ENDED)
		ps->n_sent--;
}

void
pending_free(struct pendings *ps, struct pending *p)
{
	struct pending **at = pending_bucket(ps, p->number);

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	pending_unlist(ps, p);
	ps->n--;
	moro_reply_free(p->reply);
	letter_free(p->letter);
	free(p);
}

struct pending *
pending_find(const struct pendings *ps, uint64_t number)
{
	struct pending *p;

	if (ps->n == 0)
		return NULL;
	p = *pending_bucket(ps, number);
	while (p != NULL && p->number != number)
		p = p->chain;
	return p;
}

void
pending_drop(struct pendings *ps, struct pending *p)
{
	p->state = PENDING_DROPPED;
	p->cb = NULL;
	ps->n_sent--;
}

void
pending_keep(struct pendings *ps, struct pending *p, struct moro_reply *reply)
{
	pending_unlist(ps, p);
	p->state = PENDING_ANSWERED;
	p->reply = reply;
	TAILQ_INSERT_TAIL(&ps->answered, p, order);
	letter_free(p->letter);
	p->letter = NULL;
}

void
pending_end(struct pendings *ps, struct pending *p, struct moro_reply *reply)
{
	TAILQ_REMOVE(&ps->sent, p, order);
	p->state = PENDING_ENDED;
	p->reply = reply;
	TAILQ_INSERT_TAIL(&ps->ended, p, order);
	letter_free(p->letter);
	p->letter = NULL;
}

struct moro_reply *
pending_take(struct pendings *ps, struct pending *p)
{
	struct moro_reply *reply = p->reply;

	p->reply = NULL;
	pending_free(ps, p);
	return reply;
}

struct pending *
pending_first_answer(const struct pendings *ps)
{
	struct pending *p;

	TAILQ_FOREACH(p, &ps->answered, order) {
		if (!p->is_private)
			return p;
	}
	return NULL;
}

bool
pending_awaited(const struct pendings *ps)
{
	struct pending *p;

	TAILQ_FOREACH(p, &ps->sent, order) {
		if (p->state == PENDING_SENT && p->cb == NULL && !p->is_private)
			return true;
	}
	return false;
}
