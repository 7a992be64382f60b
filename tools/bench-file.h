#ifndef MORO_TOOLS_BENCH_FILE_H
#define MORO_TOOLS_BENCH_FILE_H

/* Scenario file: a large file through data:compress. */

#include "tools/bench.h"

void file_run(struct bench *b);

#endif
