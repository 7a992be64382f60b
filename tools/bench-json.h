#ifndef MORO_TOOLS_BENCH_JSON_H
#define MORO_TOOLS_BENCH_JSON_H

/* The report for machines. */

#include "tools/bench.h"

/* Prints it on standard output. */
void json_print(const struct bench *b);

#endif
