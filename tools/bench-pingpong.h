#ifndef MORO_TOOLS_BENCH_PINGPONG_H
#define MORO_TOOLS_BENCH_PINGPONG_H

/* Scenario pingpong: the latency of one call at a time. */

#include "tools/bench.h"

void pingpong_run(struct bench *b);

#endif
