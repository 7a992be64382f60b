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

/*
 * n calls like form on a connection, one every interval. late_us gets when
 * each was answered, timer_us (or NULL) when it left: what the timer and the
 * scheduler added before anybody else could.
 */
void paced_run(int fd, const char *peer, const struct form *form, size_t n,
    uint64_t interval_ns, struct samples *late_us, struct samples *timer_us);

#endif
