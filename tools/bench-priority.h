#ifndef MORO_TOOLS_BENCH_PRIORITY_H
#define MORO_TOOLS_BENCH_PRIORITY_H

/* Scenario priority: calls of high priority while others flood. */

#include "tools/bench.h"

void priority_run(struct bench *b);

#endif
