#ifndef MORO_TOOLS_BENCH_TASKS_H
#define MORO_TOOLS_BENCH_TASKS_H

/* Scenario tasks: every built-in type against its library in a loop. */

#include <stddef.h>

#include "tools/bench.h"

void tasks_run(struct bench *b);

/* The name of a row that can be measured alone; NULL behind the last. */
const char *tasks_part(size_t i);

#endif
