#ifndef MORO_TESTS_HEAVING_H
#define MORO_TESTS_HEAVING_H

/* Runs operations of heavy:computation, and looks at what they give. */

#include "tests/unit/tasking.h"

#define HEAVING "heavy:computation"

/* The data of an operation, for tasking_ok() and the like. */
#define HEAVING_RUN(operation, params) \
	"{'operation': '" operation "', 'params': " params "}"

/* The values 1 and 2 as bytes of float64, in JSON. */
#define HEAVING_ONE_TWO "{'$bin': '000000000000f03f0000000000000040'}"

/* An array of n times a text, as JSON; to be freed. */
char *heaving_many(const char *text, size_t n);

/* Runs an operation with one value for `values` that is no JSON: 0, or -1. */
int heaving_run_values(const char *operation, const msgpack_object *values);

/* A number of a map, which must be there. */
double heaving_number(const msgpack_object *map, const char *key);

/* Fails unless two numbers are as near as `relative` of the second. */
void heaving_assert_near(double got, double want, double relative);

#endif
