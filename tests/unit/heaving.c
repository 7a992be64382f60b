#include "tests/unit/heaving.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
heaving_run_values(const char *operation, const msgpack_object *values)
{
	msgpack_object_kv in[] = {{tasking_str("values", 6), *values}};
	msgpack_object params = {.type = MSGPACK_OBJECT_MAP,
	    .via.map = {1, in}};
	msgpack_object_kv out[] = {
	    {tasking_str("operation", 9),
		tasking_str(operation, strlen(operation))},
	    {tasking_str("params", 6), params},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, out}};

	return tasking_run(HEAVING, &data, TASKING_RESULT_MAX);
}

double
heaving_number(const msgpack_object *map, const char *key)
{
	return call_number(tasking_get(map, key), NAN);
}

void
heaving_assert_near(double got, double want, double relative)
{
	if (!(fabs(got - want) <= relative * fabs(want)))
		fail_msg("%.17g is not %.17g", got, want);
}

char *
heaving_many(const char *text, size_t n)
{
	size_t len = strlen(text) + 1;
	char *json = malloc(n * len + 2), *at = json;

	*at++ = '[';
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%s%s", i > 0 ? "," : "", text);
	strcpy(at, "]");
	return json;
}

/* 2048 in each direction; a product of arrays of a million values is none. */
