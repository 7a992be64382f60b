#ifndef MORO_TASKS_ANALYTICS_SKETCH_H
#define MORO_TASKS_ANALYTICS_SKETCH_H

/*
 * Percentiles of numbers. Up to a number of them all are kept, and percentiles
 * are exact. Of more, it is counted how many fall into each of 64 buckets for
 * every power of two (as HdrHistogram and DDSketch do; Debian has neither for
 * C, nor a t-digest), so that an answer is off by at most 1/128 of itself. What
 * is kept depends on the set of numbers alone: a merge of any parts is the
 * whole.
 */

#include <stdint.h>

#include <msgpack.h>

#include "worker/tasks/analytics-memory.h"

#define ANALYTICS_SKETCH_EXACT 1024 /* values that are all kept */
#define ANALYTICS_PERCENT 1000 /* percentages count thousandths */

/* Numbers; all zero is none. */
struct analytics_sketch {
	uint64_t n;
	double min, max; /* of n > 0 */
	double *values; /* all of them, while `pages` is NULL */
	uint32_t room;
	uint64_t **pages; /* counts; pages where all are 0 are NULL */
};

/* Adds a number. Returns 0, or -1 with the error set. */
int analytics_sketch_add(struct analytics_sketch *s, struct analytics_memory *m,
    double value);

/* Must come before the next two: numbers that are kept get into order. */
void analytics_sketch_sort(struct analytics_sketch *s);

/*
 * The smallest number that so many thousandths of a percent of all do not
 * exceed; not asked of none.
 */
double analytics_sketch_at(const struct analytics_sketch *s, uint32_t percent);

/* Packs all as bytes, equal for equal sets. */
void analytics_sketch_pack(const struct analytics_sketch *s,
    msgpack_packer *pk);

/*
 * Adds what was packed of n values. Returns 0; 1: these bytes are none; -1 with
 * the error set.
 */
int analytics_sketch_merge(struct analytics_sketch *s,
    struct analytics_memory *m, const msgpack_object *packed, uint64_t n);

#endif
