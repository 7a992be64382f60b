#ifndef MORO_TOOLS_BENCH_PLOT_H
#define MORO_TOOLS_BENCH_PLOT_H

/* Latency distributions as a picture. */

#include <stdio.h>

#include "tools/bench.h"

/* Makes the file, or ends the benchmark: before it has measured anything. */
FILE *plot_open(const char *path);

/* Writes the curves that were kept, as SVG, and closes the file; or ends. */
void plot_write(const struct bench *b, FILE *f);

#endif
