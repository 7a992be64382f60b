#include "server/conn-input.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CONN_STASH ((size_t)16 << 10) /* partial frames below: moved out */
#define CONN_STASH_STEP ((size_t)512)
#define CONN_ROOM_MIN ((size_t)16 << 10) /* for one read */

void
conn_input_count(struct conn *c)
{
	struct loop *l = c->loop;
	bool counts = c->metered && c->in != NULL && c->in->cap > CHUNK_READ;
	size_t large = counts ? c->in->cap : 0;
	bool less = large < c->in_large;

	l->in_bytes -= c->in_large;
	l->in_bytes += large;
	c->in_large = large;
	if (large == 0 && l->in_over == c)
		l->in_over = NULL;
	if (less)
		conn_input_feed(l);
}

void
conn_input_set(struct conn *c, struct chunk *in, size_t len)
{
	/* what is moved or given up: nobody knows yet whether it is secret */
	if (c->in_start < c->in_end)
		chunk_forget(c->in, c->in->bytes + c->in_start,
		    c->in_end - c->in_start);
	chunk_unref(c->in);
	c->in = in;
	c->in_start = 0;
	c->in_end = len;
	conn_input_count(c);
}

/* Moves an unfinished frame to the front of a chunk with room for more. */
static int
conn_input_renew(struct conn *c, size_t cap)
{
	size_t there = c->in_end - c->in_start;
	struct chunk *to;

	errno = ENOMEM;
	if (cap < there + CONN_ROOM_MIN)
		cap = there + CONN_ROOM_MIN;
	to = cap <= CHUNK_READ ? chunk_take() : chunk_new(cap);
	if (to == NULL)
		return -1;
	if (there > 0)
		memcpy(to->bytes, c->in->bytes + c->in_start, there);
	conn_input_set(c, to, there);
	return 0;
}

/*
 * Room for a message of at least `wanted` bytes. A message that tells its
 * length bit by bit gets twice as much each time, up to the most it can have,
 * so that moving it costs no more than reading it.
 */
static size_t
conn_input_next_cap(const struct conn *c, size_t wanted)
{
	size_t twice = 2 * (c->in_end - c->in_start);
	size_t most = c->scan.limits.frame + CONN_STASH_STEP;

	/* what is no large message yet is not made one */
	if (wanted <= CHUNK_READ &&
	    c->in_end - c->in_start + CONN_ROOM_MIN <= CHUNK_READ)
		most = CHUNK_READ;
	if (twice > most)
		twice = most;
	return twice > wanted ? twice : wanted;
}

void
conn_input_tell(struct conn *c)
{
	enum conn_part part = CONN_PART_NONE;

	/* what waits for its turn is whole, as far as is known */
	if (c->in != NULL && !(c->holds & CONN_HOLD_TURN))
		part = c->holds & CONN_HOLD_MEMORY ? CONN_PART_WAITS
						   : CONN_PART_COMES;
	if (c->fd == -1 || c->ops->partial == NULL ||
	    (part == c->part && (part == CONN_PART_NONE || !c->fresh)))
		return;
	c->part = part;
	c->ops->partial(c);
}

/* Bytes of the chunk that the next read takes; 0: there is room in this one. */
static size_t
conn_input_cap(const struct conn *c)
{
	size_t wanted = c->in == NULL ? 0 : scan_wanted(&c->scan);

	if (c->in != NULL && c->in->cap - c->in_start >= wanted &&
	    c->in->cap - c->in_end >= CONN_STASH_STEP &&
	    c->in->cap >= CONN_ROOM_MIN)
		return 0;
	return conn_input_next_cap(c, wanted + CONN_STASH_STEP);
}

/*
 * Whether there is memory for so large a chunk, in place of the one that it has.
 * One alone always may have it.
 */
static bool
conn_input_fits(const struct conn *c, size_t cap)
{
	const struct loop *l = c->loop;
	uint64_t others = l->in_bytes - c->in_large + chunk_washed();

	return others == 0 || others + cap <= l->in_max;
}

/* It has waited for memory, and goes on. */
static void
conn_input_serve(struct conn *c)
{
	TAILQ_REMOVE(&c->loop->starved, c, held_link);
	/* where the system has none it finds that out by itself */
	conn_input_renew(c, conn_input_cap(c));
	conn_unhold(c, CONN_HOLD_MEMORY);
	conn_input_tell(c);
}

/*
 * Lets one go on: the first that may be read, where there is memory for it; or,
 * over what there is for all, one of those that have a part of their message
 * there and would wait for each other. There is one such until its message has
 * ended.
 */
static bool
conn_input_feed_one(struct loop *l)
{
	bool first = true;
	struct conn *c;

	TAILQ_FOREACH(c, &l->starved, held_link) {
		if (c->holds & CONN_HOLDS_OWNER)
			continue; /* its place is kept */
		if (first && conn_input_fits(c, conn_input_cap(c))) {
			conn_input_serve(c);
			return true;
		}
		first = false;
		if (l->in_over != NULL)
			return false;
		if (c->in_large > 0) {
			l->in_over = c;
			conn_input_serve(c);
			return true;
		}
	}
	return false;
}

void
conn_input_feed(struct loop *l)
{
	if (l->feeding || TAILQ_EMPTY(&l->starved))
		return;
	l->feeding = true; /* who is served may give back what it had */
	while (conn_input_feed_one(l))
		;
	l->feeding = false;
}

void
conn_input_end_large(struct conn *c)
{
	struct loop *l = c->loop;
	bool over = l->in_over == c;

	if (!over && !(c->holds & CONN_HOLD_WAIT) &&
	    l->in_bytes <= l->in_max / 2)
		return;
	if (over)
		l->in_over = NULL;
	conn_input_renew(c, 0); /* without memory it stays where it is */
	if (over)
		conn_input_feed(l);
}

void
conn_input_starve(struct conn *c)
{
	struct loop *l = c->loop;

	assert(!c->queued && !(c->holds & CONN_HOLD_MEMORY));
	conn_hold(c, CONN_HOLD_MEMORY);
	TAILQ_INSERT_TAIL(&l->starved, c, held_link);
	if (c->in_large > 0 || TAILQ_FIRST(&l->starved) == c)
		conn_input_feed(l);
}

void
conn_input_leave(struct conn *c)
{
	if (!(c->holds & CONN_HOLD_MEMORY))
		return;
	TAILQ_REMOVE(&c->loop->starved, c, held_link);
	c->holds &= (uint8_t)~CONN_HOLD_MEMORY;
	conn_input_feed(c->loop);
}

int
conn_input_room(struct conn *c)
{
	const struct loop *l = c->loop;
	size_t cap = conn_input_cap(c);

	if (cap == 0)
		return 0;
	if (c->metered && cap > CHUNK_READ && cap > c->in_large &&
	    l->in_over != c &&
	    (!TAILQ_EMPTY(&l->starved) || !conn_input_fits(c, cap))) {
		errno = EAGAIN;
		return -1;
	}
	return conn_input_renew(c, cap);
}

void
conn_input_settle(struct conn *c)
{
	size_t rest = c->in_end - c->in_start;
	struct chunk *stash;

	if (rest == 0) {
		conn_input_set(c, NULL, 0);
		return;
	}
	if (rest >= CONN_STASH || c->in->cap <= CONN_STASH)
		return;
	stash = chunk_new(
	    (rest + CONN_STASH_STEP - 1) / CONN_STASH_STEP * CONN_STASH_STEP);
	if (stash == NULL)
		return; /* it stays where it is */
	memcpy(stash->bytes, c->in->bytes + c->in_start, rest);
	conn_input_set(c, stash, rest);
}
