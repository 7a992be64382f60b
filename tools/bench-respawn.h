#ifndef MORO_TOOLS_BENCH_RESPAWN_H
#define MORO_TOOLS_BENCH_RESPAWN_H

/* Scenario respawn: from a worker's death to the next one's first answer. */

#include "tools/bench.h"

void respawn_run(struct bench *b);

#endif
