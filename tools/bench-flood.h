#ifndef MORO_TOOLS_BENCH_FLOOD_H
#define MORO_TOOLS_BENCH_FLOOD_H

/* A load in a process of its own, for as long as others measure. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/bench-form.h"
#include "tools/bench-server.h"

struct flood {
	pid_t pid;
	volatile uint64_t *n; /* answers; shared memory */
};

/* Keeps `window` requests like form outstanding on a new connection. */
void flood_start(struct flood *f, const struct server *s,
    const struct form *form, size_t window);

/* Ends the benchmark if the flood has ended: nothing was measured then. */
void flood_check(const struct flood *f);

/* Answers so far. */
uint64_t flood_count(const struct flood *f);

void flood_stop(struct flood *f);

#endif
