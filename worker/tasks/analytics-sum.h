#ifndef MORO_TASKS_ANALYTICS_SUM_H
#define MORO_TASKS_ANALYTICS_SUM_H

/*
 * Sums of numbers without any rounding: a fixed-point number of as many bits
 * as doubles may have between their largest and smallest. So a sum does not
 * depend on the order of its terms, nor on how they were split into batches;
 * it is rounded once, when it is asked for. (GMP would hold the same number,
 * but shifts and copies it for every term.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/tasks/analytics-memory.h"
#include "worker/tasks/analytics-number.h"

/* Digits of 32 bits: 2,098 bits of doubles, and 2^53 times as much. */
#define ANALYTICS_SUM_DIGITS 68

/*
 * A sum; all zero is 0. Its digits are signed and larger than 32 bits, so that
 * carries may wait: 2^31 additions fit.
 */
struct analytics_sum {
	int64_t *digits; /* those that were needed so far */
	uint8_t first; /* place of the first of them */
	uint8_t n;
};

/* Adds a number. Returns 0, or -1 with the error set: no memory. */
int analytics_sum_add(struct analytics_sum *s, struct analytics_memory *m,
    const struct analytics_number *number);

/* The sum, rounded to the nearest double, ties to even; may be infinite. */
double analytics_sum_double(const struct analytics_sum *s);

/* The same, but exact if it is an integer of 64 bits; else a float. */
struct analytics_number analytics_sum_value(const struct analytics_sum *s);

/* Packs the whole sum as bytes, equal for equal sums. */
void analytics_sum_pack(const struct analytics_sum *s, msgpack_packer *pk);

/*
 * Adds a sum of n numbers that was packed. Returns 0; 1: these bytes are none;
 * -1 with the error set.
 */
int analytics_sum_merge(struct analytics_sum *s, struct analytics_memory *m,
    const msgpack_object *packed, uint64_t n);

#endif
