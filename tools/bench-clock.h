#ifndef MORO_TOOLS_BENCH_CLOCK_H
#define MORO_TOOLS_BENCH_CLOCK_H

/* The monotonic time, in nanoseconds. */

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_US ((uint64_t)1000)
#define CLOCK_NS_PER_MS ((uint64_t)1000000)
#define CLOCK_NS_PER_S ((uint64_t)1000000000)

static inline uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Sleeps; a signal ends the benchmark anyway. */
static inline void
clock_sleep(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / CLOCK_NS_PER_S),
	    (long)(ns % CLOCK_NS_PER_S)};

	nanosleep(&t, NULL);
}

#endif
