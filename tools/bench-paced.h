#ifndef MORO_TOOLS_BENCH_PACED_H
#define MORO_TOOLS_BENCH_PACED_H

/*
 * An open loop: calls leave at times that were fixed before, whether earlier
 * ones are answered or not, and their latency counts from those times. So a
 * server that stalls is charged for every call that it delayed.
 */

#include <stddef.h>
#include <stdint.h>

#include "tools/bench-form.h"
#include "tools/bench-samples.h"

/* n calls like form on a connection, one every interval. */
void paced_run(int fd, const char *peer, const struct form *form, size_t n,
    uint64_t interval_ns, struct samples *late_us);

#endif
