#ifndef MORO_TOOLS_BENCH_CLIENTS_H
#define MORO_TOOLS_BENCH_CLIENTS_H

/* Scenario clients: one busy client among thousands of idle ones. */

#include "tools/bench.h"

void clients_run(struct bench *b);

#endif
