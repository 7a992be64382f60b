#ifndef MORO_TASKS_ANALYTICS_STATE_H
#define MORO_TASKS_ANALYTICS_STATE_H

/*
 * What is kept of a field's values in one group. Metrics of the same field
 * share it: sum and avg, min and max, first and last, all percentiles.
 */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/tasks/analytics-distinct.h"
#include "worker/tasks/analytics-memory.h"
#include "worker/tasks/analytics-number.h"
#include "worker/tasks/analytics-sketch.h"
#include "worker/tasks/analytics-sum.h"

#define ANALYTICS_COUNT_MAX ((uint64_t)1 << 53) /* events, merged ones too */

/* All zero is the state of no values. `n` counts values that were added. */
struct analytics_cell {
	uint64_t n;
	union {
		struct analytics_sum sum;
		struct {
			struct analytics_number min, max;
		} range;
		struct {
			int64_t first, last;
		} times;
		struct analytics_distinct distinct;
		struct analytics_sketch *sketch;
	} of;
};

/* A value's way into a cell. */
struct analytics_input {
	struct analytics_memory *memory;
	const msgpack_object *value;
	uint64_t n; /* of values that a packed one stands for */
	bool in_seconds; /* numbers that are times */
};

/* A kind of state. add and merge return 0; 1: not a value for it; or -1. */
struct analytics_kind {
	const char *takes; /* the values of events */
	int (*add)(struct analytics_cell *c, const struct analytics_input *in);
	/* The rest of a packed cell; n has been added. */
	int (
	    *merge)(struct analytics_cell *c, const struct analytics_input *in);
	/* The same; not asked of a cell without values. */
	void (*pack)(struct analytics_cell *c, msgpack_packer *pk);
	unsigned int values; /* that pack packs */
};

extern const struct analytics_kind analytics_kind_count;
extern const struct analytics_kind analytics_kind_sum;
extern const struct analytics_kind analytics_kind_range;
extern const struct analytics_kind analytics_kind_times;
extern const struct analytics_kind analytics_kind_distinct;
extern const struct analytics_kind analytics_kind_sketch;

#define ANALYTICS_CELL_TAKES "what a partial result has there"

/* Packs a cell: nil, or [n, ...]. */
void analytics_cell_pack(const struct analytics_kind *kind,
    struct analytics_cell *c, msgpack_packer *pk);

/* Adds a packed cell of a group of so many events. Returns as merge does. */
int analytics_cell_merge(const struct analytics_kind *kind,
    struct analytics_cell *c, const struct analytics_input *in,
    uint64_t events);

#endif
