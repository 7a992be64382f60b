#ifndef MORO_TOOLS_MOROCTL_OPENMETRICS_H
#define MORO_TOOLS_MOROCTL_OPENMETRICS_H

#include <stdio.h>

#include "tools/view.h"

/*
 * Writes what stats answered, with buckets, as OpenMetrics 1.0 text: all that a
 * collector of time series wants to have.
 */
void openmetrics_write(FILE *out, value stats);

#endif
