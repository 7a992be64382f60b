/* Looking at modules in a process of its own, which may hang. */

#define PROBE_TIMEOUT_MS 100

#include "worker/module-probe.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HANG TEST_MODULES "/hangs.so"
#define GOOD TEST_MODULES "/double.so"

static void
test_hangs(void **state)
{
	struct module_found found;

	(void)state;
	assert_int_equal(module_probe(HANG, "", &found), -1);
	assert_string_equal(found.why,
	    "it was not loaded and initialised within 100 ms");
	assert_null(found.types);
}

/* Its table stays without it, and its code is not in this process. */
static void
test_found(void **state)
{
	struct module_found found;

	(void)state;
	assert_int_equal(module_probe(GOOD, "", &found), 0);
	assert_int_equal(found.n_types, 1);
	assert_string_equal(found.types[0]->type.name, "test:double");
	assert_string_equal(found.types[0]->type.fields[0].name, "n");
	assert_null(found.types[0]->own);
	assert_false(found.fork_clean);
	assert_null(dlopen(GOOD, RTLD_NOW | RTLD_NOLOAD));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hangs),
	    cmocka_unit_test(test_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
