/* heavy:computation: the type itself, and others through it. */

#include "tests/unit/heaving.h"

#include <stdio.h>
#include <string.h>

/* A result over the limit of a frame fails as everywhere. */
static void
test_result_limit(void **state)
{
	msgpack_object_kv in[] = {
	    {tasking_str("width", 5),
		{.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = 100}},
	    {tasking_str("height", 6),
		{.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = 100}},
	};
	msgpack_object_kv out[] = {
	    {tasking_str("operation", 9), tasking_str("mandelbrot", 10)},
	    {tasking_str("params", 6),
		{.type = MSGPACK_OBJECT_MAP, .via.map = {2, in}}},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, out}};

	assert_int_equal(tasking_run(HEAVING, &data, 10000), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_run(HEAVING, &data, 11000), 0);
}

/* The guide's own placeholders, and what else is none. */
static void
test_unknown(void **state)
{
	static const char *const unknown[] = {"complex", "complex-calculation",
	    "", "Primes", "primes ", "no:such", "image:"};
	const struct fault *f;
	char part[64];

	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		f = tasking_refuses("operation", HEAVING, "{'operation': '%s'}",
		    unknown[i]);
		snprintf(part, sizeof part,
		    "Unknown operation \"%s\": operation takes \"primes\", ",
		    unknown[i]);
		tasking_assert_contains(f->message, part);
		tasking_assert_contains(f->message,
		    "\"mandelbrot\", or the name of a task type");
	}
	tasking_refuses("operation", HEAVING, "{}");
	tasking_refuses("operation", HEAVING, "{'operation': 7}");
	tasking_refuses("data", HEAVING, "null");
	tasking_refuses("params", HEAVING,
	    "{'operation': 'primes', 'params': [10]}");
	tasking_refuses("params", HEAVING,
	    "{'operation': 'primes', 'params': 10}");
	tasking_refuses("parms", HEAVING,
	    "{'operation': 'primes', 'parms': {'to': 10}}");
	/* no params are as none */
	tasking_refuses("params.to", HEAVING, "{'operation': 'primes'}");
	tasking_refuses("params.to", HEAVING,
	    "{'operation': 'primes', 'params': null}");
}

static void
test_alias(void **state)
{
	const struct task_type *t = registry_find("computation:heavy", 17);

	assert_ptr_equal(t, registry_find(HEAVING, strlen(HEAVING)));
	assert_int_equal(heaving_number(tasking_ok("computation:heavy",
					    HEAVING_RUN("primes",
						"{'to': 10}")),
			     "count"),
	    4);
	assert_int_equal(t->timeout_ms, 30000);
	assert_true(t->flags & TYPE_SOFT_CANCEL);
	assert_true(t->flags & TYPE_SECRET);
}

static void
test_other_types(void **state)
{
	const struct fault *f;

	tasking_assert_str(tasking_ok(HEAVING, HEAVING_RUN("crypto:hash",
						   "{'input': 'abc', "
						   "'algorithm': 'md5'}")),
	    "900150983cd24fb0d6963f7d28e17f72");
	/* errors are the type's own, and so are the fields that they name */
	tasking_refuses("input", HEAVING, "{'operation': 'crypto:hash'}");
	tasking_refuses("level", HEAVING,
	    HEAVING_RUN("data:compress", "{'input': '', 'level': 99}"));
	f = tasking_fails(HEAVING,
	    HEAVING_RUN("data:decompress", "{'input': 'no format'}"));
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	/* itself, and what only some servers offer */
	tasking_refuses("operation", HEAVING,
	    HEAVING_RUN("heavy:computation", "{'operation': 'primes'}"));
	tasking_refuses("operation", HEAVING,
	    HEAVING_RUN("computation:heavy", "{'operation': 'primes'}"));
	f = tasking_refuses("operation", HEAVING,
	    HEAVING_RUN("debug:echo", "{}"));
	tasking_assert_contains(f->message,
	    "any task type but debug:* and heavy:computation, not "
	    "\"debug:echo\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_result_limit),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_alias),
	    cmocka_unit_test(test_other_types),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
