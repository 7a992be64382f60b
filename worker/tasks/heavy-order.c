#include "worker/tasks/heavy-order.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/tasks/heavy.h"

#define ORDER_RUN 4096 /* elements: sorted in about a millisecond */

/* One sorting. */
struct order {
	struct call *call;
	size_t n;
	size_t size; /* bytes of an element */
	heavy_order_cb compare;
	size_t done; /* elements written, in all passes */
	size_t total;
};

/* Elements in a row. */
struct run {
	const uint8_t *at;
	size_t n;
};

static size_t
order_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Notes that elements were written; -1: the task is cancelled. */
static int
order_step(struct order *o, size_t n)
{
	o->done += n;
	return heavy_step(o->call, (double)o->done, (double)o->total);
}

/* Sorts each run for itself. */
static int
order_runs(struct order *o, uint8_t *elements)
{
	for (size_t i = 0; i < o->n; i += ORDER_RUN) {
		size_t n = order_min(o->n - i, ORDER_RUN);

		qsort(elements + i * o->size, n, o->size, o->compare);
		if (order_step(o, n) < 0)
			return -1;
	}
	return 0;
}

/* Takes the first element of a run. */
static void
order_take(const struct order *o, struct run *from, uint8_t *to)
{
	memcpy(to, from->at, o->size);
	from->at += o->size;
	from->n--;
}

/* Merges two runs; of equal elements the first run's come first. */
static int
order_merge(struct order *o, struct run a, struct run b, uint8_t *to)
{
	size_t n = a.n + b.n;

	for (size_t i = 0; i < n; i++, to += o->size) {
		bool first =
		    b.n == 0 || (a.n > 0 && o->compare(a.at, b.at) <= 0);

		order_take(o, first ? &a : &b, to);
		if (i % ORDER_RUN == 0 &&
		    order_step(o, order_min(n - i, ORDER_RUN)) < 0)
			return -1;
	}
	return 0;
}

/* Merges all pairs of runs of `width` elements. */
static int
order_pass(struct order *o, const uint8_t *from, uint8_t *to, size_t width)
{
	for (size_t i = 0; i < o->n; i += 2 * width) {
		size_t n = order_min(o->n - i, width);
		size_t at = i * o->size;
		struct run a = {from + at, n};
		struct run b = {from + at + n * o->size,
		    order_min(o->n - i - n, width)};

		if (order_merge(o, a, b, to + at) < 0)
			return -1;
	}
	return 0;
}

/* Merges until there is one run; `other` is room for as many elements. */
static int
order_merge_all(struct order *o, uint8_t *elements, uint8_t *other)
{
	uint8_t *from = elements, *to = other;

	for (size_t width = ORDER_RUN; width < o->n; width *= 2) {
		uint8_t *swap = from;

		if (order_pass(o, from, to, width) < 0)
			return -1;
		from = to;
		to = swap;
	}
	if (from != elements)
		memcpy(elements, from, o->n * o->size);
	return 0;
}

size_t
heavy_order_work(size_t n)
{
	size_t work = n;

	for (size_t width = ORDER_RUN; width < n; width *= 2)
		work += n;
	return work;
}

int
heavy_order(struct call *call, void *elements, size_t n, size_t size,
    heavy_order_cb compare, size_t before)
{
	struct order o = {.call = call,
	    .n = n,
	    .size = size,
	    .compare = compare,
	    .done = before,
	    .total = before + heavy_order_work(n)};
	uint8_t *other;
	int rc;

	if (order_runs(&o, elements) < 0)
		return -1;
	if (n <= ORDER_RUN)
		return 0;
	other = malloc(n * size);
	if (other == NULL)
		return call_no_memory(call);
	rc = order_merge_all(&o, elements, other);
	free(other);
	return rc;
}
