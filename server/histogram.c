#include "server/histogram.h"

#include <string.h>

#define PERCENT 100

static void
histogram_sum_window(struct histogram_sums *to,
    const struct histogram_window *w)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		to->n[i] += w->n[i];
		to->count += w->n[i];
	}
	to->sum += w->sum;
	if (w->max > to->max)
		to->max = w->max;
}

/* Forgets the oldest window, whose values count from the start only. */
static void
histogram_turn_one(struct histogram *h)
{
	histogram_sum_window(&h->older, &h->windows[HISTOGRAM_WINDOWS - 1]);
	memmove(&h->windows[1], &h->windows[0],
	    (HISTOGRAM_WINDOWS - 1) * sizeof h->windows[0]);
	memset(&h->windows[0], 0, sizeof h->windows[0]);
}

void
histogram_turn(struct histogram *h, uint64_t windows)
{
	/* after a minute all are empty */
	if (windows > HISTOGRAM_WINDOWS)
		windows = HISTOGRAM_WINDOWS;
	while (windows-- > 0)
		histogram_turn_one(h);
}

void
histogram_sum_minute(struct histogram_sums *to, const struct histogram *h)
{
	for (unsigned int i = 0; i < HISTOGRAM_WINDOWS; i++)
		histogram_sum_window(to, &h->windows[i]);
}

void
histogram_sum_all(struct histogram_sums *to, const struct histogram *h)
{
	const struct histogram_sums *older = &h->older;

	histogram_sum_minute(to, h);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->n[i] += older->n[i];
	to->count += older->count;
	to->sum += older->sum;
	if (older->max > to->max)
		to->max = older->max;
}

/* The largest value of a bucket. */
static uint64_t
histogram_last(unsigned int bucket)
{
	unsigned int high = bucket / HISTOGRAM_SUB;

	if (high < 2)
		return bucket; /* one value each */
	high--;
	return (((uint64_t)bucket - high * HISTOGRAM_SUB + 1) << high) - 1;
}

uint64_t
histogram_percentile(const struct histogram_sums *s, unsigned int percent)
{
	uint64_t rank = (s->count * percent + PERCENT - 1) / PERCENT, seen = 0;
	unsigned int i = 0;

	if (rank == 0)
		rank = 1;
	while (i < HISTOGRAM_BUCKETS - 1 && (seen += s->n[i]) < rank)
		i++;
	/* what is the largest in its bucket may be more than there was */
	return i == HISTOGRAM_BUCKETS - 1 || histogram_last(i) > s->max
		   ? s->max
		   : histogram_last(i);
}

uint64_t
histogram_below(const struct histogram_sums *s, unsigned int bits)
{
	unsigned int end = (bits - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB;
	uint64_t n = 0;

	for (unsigned int i = 0; i < end; i++)
		n += s->n[i];
	return n;
}
