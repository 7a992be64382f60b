#ifndef MORO_SERVER_HISTOGRAM_H
#define MORO_SERVER_HISTOGRAM_H

/*
 * How long things took, in microseconds: how many fell into each of some
 * hundred buckets, eight for each power of two, so that a value read back is
 * less than an eighth too large. Kept for the last minute, in windows of ten
 * seconds, and since the start.
 */

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 3 /* 8 buckets for each power of two */
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BITS 40 /* longer than 12 days: the last bucket */
#define HISTOGRAM_BUCKETS \
	((HISTOGRAM_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)
#define HISTOGRAM_WINDOWS 6 /* of the last minute, with that of now */
#define HISTOGRAM_WINDOW_MS 10000

/* Ten seconds. */
struct histogram_window {
	uint64_t sum; /* us */
	uint64_t max; /* us, exact */
	uint32_t n[HISTOGRAM_BUCKETS];
};

/* Several of them, or of several histograms, together. */
struct histogram_sums {
	uint64_t count;
	uint64_t sum; /* us */
	uint64_t max; /* us, exact; 0: there is nothing */
	uint64_t n[HISTOGRAM_BUCKETS];
};

/* All zero is an empty one. */
struct histogram {
	struct histogram_window windows[HISTOGRAM_WINDOWS]; /* newest first */
	struct histogram_sums older;
};

/* The bucket of a value. */
static inline unsigned int
histogram_bucket(uint64_t us)
{
	unsigned int high;

	if (us < HISTOGRAM_SUB)
		return (unsigned int)us;
	if (us >> HISTOGRAM_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;
	high = 63 - (unsigned int)__builtin_clzll(us) - HISTOGRAM_SUB_BITS;
	return high * HISTOGRAM_SUB + (unsigned int)(us >> high);
}

/* Counts a value. */
static inline void
histogram_add(struct histogram *h, uint64_t us)
{
	struct histogram_window *w = &h->windows[0];

	w->n[histogram_bucket(us)]++;
	w->sum += us;
	if (us > w->max)
		w->max = us;
}

/* So many windows of ten seconds have passed. */
void histogram_turn(struct histogram *h, uint64_t windows);

/* Adds what was counted in the last 50 to 60 seconds; and since the start. */
void histogram_sum_minute(struct histogram_sums *to, const struct histogram *h);
void histogram_sum_all(struct histogram_sums *to, const struct histogram *h);

/* A value that so many percent do not exceed, in us; 0: there are none. */
uint64_t histogram_percentile(const struct histogram_sums *s,
    unsigned int percent);

/* How many are below 2^bits us; 3 to HISTOGRAM_BITS. */
uint64_t histogram_below(const struct histogram_sums *s, unsigned int bits);

#endif
