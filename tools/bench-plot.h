#ifndef MORO_TOOLS_BENCH_PLOT_H
#define MORO_TOOLS_BENCH_PLOT_H

/* Latency distributions as a picture. */

#include "tools/bench.h"

/* Writes the curves that were kept to an SVG file, or ends. */
void plot_write(const struct bench *b, const char *path);

#endif
