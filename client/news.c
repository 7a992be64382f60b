#include "client/news.h"

#include <stdlib.h>
#include <string.h>

#include "client/handle.h"
#include "client/reply.h"

#define NEWS_UNKNOWN (-1.0) /* a total that is not told */
#define NEWS_POOL "default" /* the pool of news that name none */

/* A progress notification's parameters. */
struct progress {
	uint64_t number;
	double done;
	double total;
	char *note; /* owned; NULL: none */
};

/* A backpressure notification's parameter. */
struct pressure {
	const char *pool; /* borrowed, pool_len bytes */
	size_t pool_len;
	bool high;
	uint64_t queued;
	uint64_t limit;
};

void
news_reset(struct news *n)
{
	struct level *l;

	while ((l = SLIST_FIRST(&n->levels)) != NULL) {
		SLIST_REMOVE_HEAD(&n->levels, link);
		free(l);
	}
}

/* Reads a number of any kind. False, and *out as it was: it is none. */
static bool
news_number(struct value v, double *out)
{
	struct item item = lookup_item(v);

	if (item.type == READER_UINT)
		*out = (double)item.n;
	else if (item.type == READER_NEGATIVE)
		*out = (double)lookup_negative(v);
	else if (item.type == READER_FLOAT)
		*out = item.number;
	else
		return false;
	return true;
}

/* Copies the text that a value is. NULL: none, or no memory for it. */
static char *
news_text(struct value v)
{
	struct item item = lookup_item(v);

	return reader_text(&item) ? strndup(item.bytes, (size_t)item.n) : NULL;
}

/* Reads the parameters [number, {done, total, note}]. */
static bool
news_read_progress(struct value number, struct value map, struct progress *p)
{
	struct item n = lookup_item(number);

	if (n.type != READER_UINT ||
	    !news_number(lookup_field(map, "done"), &p->done))
		return false;
	p->number = n.n;
	p->total = NEWS_UNKNOWN;
	news_number(lookup_field(map, "total"), &p->total);
	/* not a number, or a nonsensical one: one way to say it */
	if (!(p->total >= 0))
		p->total = NEWS_UNKNOWN;
	p->note = news_text(lookup_field(map, "note"));
	return true;
}

/* Tells of progress, if somebody still waits for the answer. */
static void
news_tell_progress(struct moro *m, const struct progress *p)
{
	struct pending *q = pending_find(&m->requests, p->number);

	if (q == NULL || q->state != PENDING_SENT ||
	    m->news.progress_cb == NULL)
		return;
	m->news.progress_cb(m, p->number, p->done, p->total, p->note,
	    m->news.progress_user);
}

/* Takes a progress notification. The bytes go before the callback comes. */
static void
news_progress(struct moro *m, const struct frame *frame)
{
	const uint8_t *head = buffer_head(&m->in);
	struct value number = {head + frame->data.at, frame->data.len};
	struct value map = {head + frame->options.at, frame->options.len};
	struct progress p;
	bool good = frame->n_params >= 2 && news_read_progress(number, map, &p);

	buffer_consume(&m->in, frame->size);
	if (!good)
		return;
	news_tell_progress(m, &p);
	free(p.note);
}

/* Reads a field that is a count; 0 when there is none. */
static uint64_t
news_count(struct value map, const char *name)
{
	struct item item = lookup_item(lookup_field(map, name));

	return item.type == READER_UINT ? item.n : 0;
}

/* Reads the map {state, queueSize, maxQueueSize, pool}. */
static bool
news_read_pressure(struct value map, struct pressure *p)
{
	struct item state = lookup_item(lookup_field(map, "state"));
	struct item pool = lookup_item(lookup_field(map, "pool"));

	p->high = reader_is(&state, "high");
	if (!p->high && !reader_is(&state, "low"))
		return false;
	p->pool = NEWS_POOL;
	p->pool_len = sizeof NEWS_POOL - 1;
	if (reader_text(&pool)) {
		p->pool = pool.bytes;
		p->pool_len = (size_t)pool.n;
	}
	p->queued = news_count(map, "queueSize");
	p->limit = news_count(map, "maxQueueSize");
	return true;
}

/* What is known of a pool, or NULL. */
static struct level *
news_find(const struct news *n, const struct pressure *p)
{
	struct level *l;

	SLIST_FOREACH(l, &n->levels, link) {
		if (strlen(l->pool) == p->pool_len &&
		    memcmp(l->pool, p->pool, p->pool_len) == 0)
			return l;
	}
	return NULL;
}

/* Notes a pool that nothing was known of. NULL: no memory. */
static struct level *
news_add(struct news *n, const struct pressure *p)
{
	struct level *l = calloc(1, sizeof *l + p->pool_len + 1);

	if (l == NULL)
		return NULL;
	l->high = p->high;
	memcpy(l->pool, p->pool, p->pool_len);
	SLIST_INSERT_HEAD(&n->levels, l, link);
	return l;
}

/* Takes a backpressure notification. */
static void
news_pressure(struct moro *m, const struct frame *frame)
{
	struct news *n = &m->news;
	struct value map = {buffer_head(&m->in) + frame->data.at,
	    frame->data.len};
	struct level *l = NULL;
	struct pressure p;
	char *pool;

	if (frame->n_params >= 1 && news_read_pressure(map, &p)) {
		l = news_find(n, &p);
		if (l != NULL)
			l->high = p.high;
		else
			l = news_add(n, &p);
	}
	/* a callback may connect again, and the levels are gone */
	pool = l != NULL && n->pressure_cb != NULL ? strdup(l->pool) : NULL;
	buffer_consume(&m->in, frame->size);
	if (pool != NULL)
		n->pressure_cb(m, pool, p.high, p.queued, p.limit,
		    n->pressure_user);
	free(pool);
}

void
news_take(struct moro *m, const struct frame *frame)
{
	static const struct {
		const char *method;
		void (*take)(struct moro *m, const struct frame *frame);
	} rows[] = {
	    {"progress", news_progress},
	    {"backpressure", news_pressure},
	};
	const uint8_t *method = buffer_head(&m->in) + frame->method.at;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (frame->kind != FRAME_NOTIFY ||
		    frame->method.len != strlen(rows[i].method) ||
		    memcmp(method, rows[i].method, frame->method.len) != 0)
			continue;
		rows[i].take(m, frame);
		return;
	}
	buffer_consume(&m->in, frame->size);
}

/* Notes one pool's state, unless there were news of it. */
static void
news_begin_one(struct news *n, struct value map)
{
	struct pressure p;

	if (news_read_pressure(map, &p) && news_find(n, &p) == NULL)
		news_add(n, &p);
}

void
news_begin(struct news *n, struct value state)
{
	struct item array = lookup_item(state);
	struct reader r;

	if (array.type != READER_ARRAY) {
		news_begin_one(n, state);
		return;
	}
	reader_init(&r, state.at, state.len);
	reader_next(&r);
	for (uint64_t i = 0; i < array.n; i++) {
		struct value one;

		one.len = reader_skip(&r, &one.at);
		news_begin_one(n, one);
	}
}
