#ifndef MORO_TOOLS_BENCH_BACKLOG_H
#define MORO_TOOLS_BENCH_BACKLOG_H

/* Scenario backlog: a million tasks wait. */

#include "tools/bench.h"

void backlog_run(struct bench *b);

#endif
