/* The ring of the slowest tasks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/slow.h"

static struct slow slow;
static const struct slow_task *list[SLOW_TASKS];

static int
setup(void **state)
{
	memset(&slow, 0, sizeof slow);
	return 0;
}

/* The slowest stay, whatever comes behind them; the fastest make room. */
static void
test_slowest_stay(void **state)
{
	for (uint64_t us = 1; us <= 2 * SLOW_TASKS; us++)
		assert_non_null(slow_place(&slow, us * 1000, 5));
	for (uint64_t us = 1; us <= SLOW_TASKS; us++)
		assert_null(slow_place(&slow, us * 1000, 5));
	assert_int_equal(slow_list(&slow, 5, list), SLOW_TASKS);
	for (uint32_t i = 0; i < SLOW_TASKS; i++)
		assert_int_equal(list[i]->run_us, (2 * SLOW_TASKS - i) * 1000);
}

/* After ten minutes a place is free, for a faster one too. */
static void
test_old_ones_go(void **state)
{
	for (uint32_t i = 0; i < SLOW_TASKS; i++)
		assert_non_null(slow_place(&slow, 5000000, i == 0 ? 0 : 9));
	assert_null(slow_place(&slow, 1000, SLOW_KEPT_MS));
	assert_int_equal(slow_list(&slow, SLOW_KEPT_MS + 1, list),
	    SLOW_TASKS - 1);
	assert_non_null(slow_place(&slow, 1000, SLOW_KEPT_MS + 1));
	assert_int_equal(slow_list(&slow, SLOW_KEPT_MS + 1, list), SLOW_TASKS);
	assert_int_equal(list[SLOW_TASKS - 1]->run_us, 1000);
	assert_int_equal(slow_list(&slow, 3 * SLOW_KEPT_MS, list), 0);
}

/* Of equals the latest comes first, and a used place is clean. */
static void
test_equals(void **state)
{
	slow_place(&slow, 2000, 1)->client = 7;
	slow_place(&slow, 2000, 2)->client = 8;
	assert_int_equal(slow_list(&slow, 2, list), 2);
	assert_int_equal(list[0]->client, 8);
	assert_int_equal(list[1]->client, 7);
	assert_int_equal(slow_place(&slow, 2000, SLOW_KEPT_MS + 2)->client, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_slowest_stay, setup),
	    cmocka_unit_test_setup(test_old_ones_go, setup),
	    cmocka_unit_test_setup(test_equals, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
