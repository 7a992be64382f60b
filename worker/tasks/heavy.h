#ifndef MORO_TASKS_HEAVY_H
#define MORO_TASKS_HEAVY_H

/* heavy:computation, and what its operations share. */

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

#include "worker/call.h"
#include "worker/type.h"

/*
 * Values that the arrays of a result have at most: a message may have a
 * million, and some are the envelope's and the map's.
 */
#define HEAVY_VALUES_MAX 999000

/* What can be computed: an entry of the table in heavy.c. */
struct heavy_operation {
	const char *name;
	const struct field *fields; /* of params; ends where name is NULL */
	/* Like a task type's run(); args are in the order of fields. */
	int (*run)(struct call *call, const msgpack_object *const *args);
};

extern const struct task_type heavy_type;

extern const struct heavy_operation heavy_primes;
extern const struct heavy_operation heavy_fibonacci;
extern const struct heavy_operation heavy_matrix;
extern const struct heavy_operation heavy_pi;
extern const struct heavy_operation heavy_statistics;
extern const struct heavy_operation heavy_sort;
extern const struct heavy_operation heavy_mandelbrot;

/* Makes the list of all params, for `types`. */
int heavy_init(void);

/*
 * Tells how far the work is. Returns 0, or -1 with the error set: the task was
 * cancelled. To be called every few milliseconds.
 */
int heavy_step(struct call *call, double done, double total);

#endif
