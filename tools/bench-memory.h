#ifndef MORO_TOOLS_BENCH_MEMORY_H
#define MORO_TOOLS_BENCH_MEMORY_H

/* Scenario memory: what an idle morod costs. */

#include "tools/bench.h"

void memory_run(struct bench *b);

#endif
