#ifndef MORO_TOOLS_BENCH_TARGET_H
#define MORO_TOOLS_BENCH_TARGET_H

/* What the figures must be. */

#include <stdbool.h>

struct target {
	const char *name; /* of the row; also its name in JSON */
	bool at_least; /* else at most */
	double must;
};

/* The target of a row, or NULL: it informs only. */
const struct target *target_find(const char *name);

/* Whether a value is as it must be. */
bool target_met(const struct target *target, double value);

#endif
