#ifndef MORO_SERVER_HISTOGRAM_H
#define MORO_SERVER_HISTOGRAM_H

/*
 * How long things took, in steps of 1/16 us: how many fell into each of some
 * hundred buckets, eight for each power of two, so that a value read back is
 * less than an eighth too large. Kept for the last minute, in windows of ten
 * seconds, and since the start.
 */

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 3 /* 8 buckets for each power of two */
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BITS 44 /* longer than 12 days: the last bucket */
#define HISTOGRAM_BUCKETS \
	((HISTOGRAM_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)
#define HISTOGRAM_US_BITS 4 /* 16 steps are a microsecond */
#define HISTOGRAM_WINDOWS 6 /* of the last minute, with that of now */
#define HISTOGRAM_WINDOW_MS 10000

/* Ten seconds. */
struct histogram_window {
	uint64_t sum;
	uint64_t max; /* exact */
	uint32_t n[HISTOGRAM_BUCKETS];
};

/* Several of them, or of several histograms, together. */
struct histogram_sums {
	uint64_t count;
	uint64_t sum;
	uint64_t max; /* exact; 0: there is nothing */
	uint64_t n[HISTOGRAM_BUCKETS];
};

/* All zero is an empty one. */
struct histogram {
	struct histogram_window windows[HISTOGRAM_WINDOWS]; /* newest first */
	struct histogram_sums older;
};

/* The bucket of a value. */
static inline unsigned int
histogram_bucket(uint64_t steps)
{
	unsigned int high;

	if (steps < HISTOGRAM_SUB)
		return (unsigned int)steps;
	if (steps >> HISTOGRAM_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;
	high = 63 - (unsigned int)__builtin_clzll(steps) - HISTOGRAM_SUB_BITS;
	return high * HISTOGRAM_SUB + (unsigned int)(steps >> high);
}

/* Counts a value. */
static inline void
histogram_add(struct histogram *h, uint64_t steps)
{
	struct histogram_window *w = &h->windows[0];

	w->n[histogram_bucket(steps)]++;
	w->sum += steps;
	if (steps > w->max)
		w->max = steps;
}

/* So many windows of ten seconds have passed. */
void histogram_turn(struct histogram *h, uint64_t windows);

/* Adds what was counted in the last 50 to 60 seconds; and since the start. */
void histogram_sum_minute(struct histogram_sums *to, const struct histogram *h);
void histogram_sum_all(struct histogram_sums *to, const struct histogram *h);

/* A value that so many percent do not exceed; 0: there are none. */
uint64_t histogram_percentile(const struct histogram_sums *s,
    unsigned int percent);

/* How many are below 2^bits; 3 to HISTOGRAM_BITS. */
uint64_t histogram_below(const struct histogram_sums *s, unsigned int bits);

#endif
