#ifndef MORO_TOOLS_BENCH_TASKS_H
#define MORO_TOOLS_BENCH_TASKS_H

/* Scenario tasks: every built-in type against its library in a loop. */

#include "tools/bench.h"

void tasks_run(struct bench *b);

#endif
