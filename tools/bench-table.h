#ifndef MORO_TOOLS_BENCH_TABLE_H
#define MORO_TOOLS_BENCH_TABLE_H

/* The report for people, printed line by line as it comes. */

#include "tools/bench-report.h"

/* What was measured where; the columns. */
void table_head(int rounds, int workers);

/* How long it took, and how many CPUs others kept busy meanwhile. */
void table_end(double wall_s, double others);

/* A headline, and a row. */
void table_title(const char *title);
void table_row(const struct row *row);

#endif
