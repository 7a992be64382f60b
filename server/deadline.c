#include "server/deadline.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(el) ((el)->after_ms = UINT64_MAX)
#include <uthash.h>

#define HEAP_MIN 16
#define RECENT 8 /* lists that are found without hashing */

TAILQ_HEAD(deadline_head, deadline);

/* Deadlines of one length; it exists while it is not empty. */
struct deadline_list {
	UT_hash_handle hh;
	uint64_t after_ms; /* the length; UINT64_MAX is no length */
	struct deadline_head head;
	uint32_t place; /* in the heap */
};

struct deadlines {
	struct deadline_list *by_length;
	struct deadline_list *recent[RECENT]; /* by length, or NULL */
	struct deadline_list **heap; /* the earliest first one on top */
	/*
	 * Of all lengths, for those that there is no memory for a list for: it
	 * always has a place in the heap, and is kept in order by hand.
	 */
	struct deadline_list spare;
	uint32_t n;
	uint32_t cap;
};

struct deadlines *
deadlines_new(void)
{
	struct deadlines *ds = calloc(1, sizeof *ds);

	if (ds == NULL)
		return NULL;
	TAILQ_INIT(&ds->spare.head);
	ds->spare.after_ms = UINT64_MAX;
	ds->heap = malloc(HEAP_MIN * sizeof ds->heap[0]);
	if (ds->heap == NULL) {
		free(ds);
		return NULL;
	}
	ds->cap = HEAP_MIN;
	return ds;
}

void
deadlines_free(struct deadlines *ds)
{
	if (ds == NULL)
		return;
	HASH_CLEAR(hh, ds->by_length);
	for (uint32_t i = 0; i < ds->n; i++) {
		if (ds->heap[i] != &ds->spare)
			free(ds->heap[i]);
	}
	free(ds->heap);
	free(ds);
}

void
deadline_init(struct deadline *d, deadline_cb fire, void *owner)
{
	d->list = NULL;
	d->owner = owner;
	d->fire = fire;
}

bool
deadline_is_set(const struct deadline *d)
{
	return d->list != NULL;
}

static uint64_t
heap_time(const struct deadlines *ds, uint32_t i)
{
	return TAILQ_FIRST(&ds->heap[i]->head)->at;
}

static void
heap_put(struct deadlines *ds, uint32_t i, struct deadline_list *l)
{
	ds->heap[i] = l;
	l->place = i;
}

static void
heap_swap(struct deadlines *ds, uint32_t i, uint32_t j)
{
	struct deadline_list *l = ds->heap[i];

	heap_put(ds, i, ds->heap[j]);
	heap_put(ds, j, l);
}

/* Moves the list at i to where it belongs, after its first has changed. */
static void
heap_fix(struct deadlines *ds, uint32_t i)
{
	while (i > 0 && heap_time(ds, i) < heap_time(ds, (i - 1) / 2)) {
		heap_swap(ds, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	for (;;) {
		uint32_t least = i;

		for (uint32_t c = 2 * i + 1; c <= 2 * i + 2; c++) {
			if (c < ds->n &&
			    heap_time(ds, c) < heap_time(ds, least))
				least = c;
		}
		if (least == i)
			return;
		heap_swap(ds, i, least);
		i = least;
	}
}

/* Makes room for one more list beside the spare one. */
static int
heap_grow(struct deadlines *ds)
{
	uint32_t cap = ds->cap * 2;
	struct deadline_list **heap;

	if (ds->n + 1 < ds->cap)
		return 0;
	heap = realloc(ds->heap, cap * sizeof *heap);
	if (heap == NULL)
		return -1;
	ds->heap = heap;
	ds->cap = cap;
	return 0;
}

static void
heap_add(struct deadlines *ds, struct deadline_list *l)
{
	heap_put(ds, ds->n, l);
	ds->n++;
}

static void
heap_remove(struct deadlines *ds, struct deadline_list *l)
{
	uint32_t i = l->place;

	ds->n--;
	if (i == ds->n)
		return;
	heap_put(ds, i, ds->heap[ds->n]);
	heap_fix(ds, i);
}

/* Finds the list of a length, or makes it (outside the heap, empty), or NULL. */
static struct deadline_list *
deadlines_list(struct deadlines *ds, uint64_t after_ms)
{
	struct deadline_list **recent = &ds->recent[after_ms % RECENT];
	struct deadline_list *l;

	if (*recent != NULL && (*recent)->after_ms == after_ms)
		return *recent;
	HASH_FIND(hh, ds->by_length, &after_ms, sizeof after_ms, l);
	if (l != NULL)
		return *recent = l;
	l = heap_grow(ds) == 0 ? calloc(1, sizeof *l) : NULL;
	if (l == NULL)
		return NULL;
	TAILQ_INIT(&l->head);
	l->after_ms = after_ms;
	HASH_ADD(hh, ds->by_length, after_ms, sizeof l->after_ms, l);
	if (l->after_ms == UINT64_MAX) {
		free(l); /* uthash had no memory */
		return NULL;
	}
	return *recent = l;
}

static void
deadlines_drop_list(struct deadlines *ds, struct deadline_list *l)
{
	struct deadline_list **recent = &ds->recent[l->after_ms % RECENT];

	if (l == &ds->spare)
		return;
	if (*recent == l)
		*recent = NULL;
	HASH_DELETE(hh, ds->by_length, l);
	free(l);
}

/* Puts d into the list behind those that are due before it. */
static void
deadline_insert(struct deadline_list *l, struct deadline *d)
{
	struct deadline *before = TAILQ_LAST(&l->head, deadline_head);

	while (before != NULL && before->at > d->at)
		before = TAILQ_PREV(before, deadline_head, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&l->head, before, d, link);
	else
		TAILQ_INSERT_HEAD(&l->head, d, link);
}

void
deadline_set(struct deadlines *ds, struct deadline *d, uint64_t now,
    uint64_t after_ms)
{
	struct deadline_list *l;

	deadline_unset(ds, d);
	l = deadlines_list(ds, after_ms);
	if (l == NULL)
		l = &ds->spare;
	d->list = l;
	d->at = now + after_ms;
	if (TAILQ_EMPTY(&l->head))
		heap_add(ds, l);
	deadline_insert(l, d);
	if (TAILQ_FIRST(&l->head) == d)
		heap_fix(ds, l->place);
}

void
deadline_unset(struct deadlines *ds, struct deadline *d)
{
	struct deadline_list *l = d->list;
	bool first;

	if (l == NULL)
		return;
	first = TAILQ_FIRST(&l->head) == d;
	d->list = NULL;
	TAILQ_REMOVE(&l->head, d, link);
	if (TAILQ_EMPTY(&l->head)) {
		heap_remove(ds, l);
		deadlines_drop_list(ds, l);
	} else if (first)
		heap_fix(ds, l->place);
}

uint64_t
deadlines_next(const struct deadlines *ds)
{
	return ds->n == 0 ? UINT64_MAX : heap_time(ds, 0);
}

void
deadlines_run(struct deadlines *ds, uint64_t now)
{
	while (deadlines_next(ds) <= now) {
		struct deadline *d = TAILQ_FIRST(&ds->heap[0]->head);

		deadline_unset(ds, d);
		d->fire(d->owner, now);
	}
}
