#ifndef MORO_TASKS_ANALYTICS_DISTINCT_H
#define MORO_TASKS_ANALYTICS_DISTINCT_H

/*
 * How many different values there are, by hashes of them. Up to a number of
 * them the hashes are kept; more are estimated by a HyperLogLog (Flajolet and
 * others, 2007; Debian has none for C) with the estimator of Ertl ("New
 * cardinality estimation algorithms for HyperLogLog sketches", 2017), whose
 * standard error is 0.81%. What is kept depends on the set of values alone: a
 * merge of any parts is the whole.
 */

#include <stdint.h>

#include <msgpack.h>

#include "worker/tasks/analytics-memory.h"

#define ANALYTICS_DISTINCT_EXACT 4096 /* hashes that are all kept */
#define ANALYTICS_DISTINCT_REGISTERS 16384 /* bytes of a HyperLogLog */

/* Values; all zero is none. */
struct analytics_distinct {
	uint64_t *slots; /* a table of hashes, 0: empty; or NULL */
	uint32_t n; /* of the hashes in it */
	uint32_t bits; /* it has 2^bits slots */
	uint8_t *registers; /* then there is no table, or NULL */
};

/* Chooses the secret of the tables' order. */
void analytics_distinct_init(void);

/* Adds a value's hash. Returns 0, or -1 with the error set. */
int analytics_distinct_add(struct analytics_distinct *d,
    struct analytics_memory *m, uint64_t hash);

/* How many different ones were added, exactly or about. */
uint64_t analytics_distinct_count(const struct analytics_distinct *d);

/* Packs all as bytes, equal for equal sets; puts the table into order. */
void analytics_distinct_pack(struct analytics_distinct *d, msgpack_packer *pk);

/*
 * Adds what was packed of n values. Returns 0; 1: these bytes are none; -1 with
 * the error set.
 */
int analytics_distinct_merge(struct analytics_distinct *d,
    struct analytics_memory *m, const msgpack_object *packed, uint64_t n);

#endif
