/* Durations, sizes and numbers as people write them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/limit.h"
#include "proto/units.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
	    {"0ms", 0},
	    {"1ms", 1},
	    {"500ms", 500},
	    {"5s", 5000},
	    {"1.5s", 1500},
	    {"0.001s", 1},
	    {"2m", 120000},
	    {"1h", 3600000},
	    {"7d", 604800000},
	    {"1w", 604800000},
	    {"007s", 7000},
	    {"4294967295ms", LIMIT_TIME_MS_MAX},
	};
	uint64_t ms = 0;

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(units_duration(good[i].text, 0, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
}

static void
test_bad_durations(void **state)
{
	static const char *const bad[] = {"", "s", "5", "-5s", "+5s", " 5s",
	    "5 s", "5s ", "5S", "5sec", "1.s", ".5s", "1.2345s", "0.5ms",
	    "1e3s", "0x5s", "99999999999999999999s", "4294967296ms", "50d",
	    "5ss", "1h30m"};
	uint64_t ms = 77;

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(units_duration(bad[i], 0, &ms), -1);
		assert_int_equal(ms, 77);
	}
}

/* Where a bare number has a meaning, it counts in that unit. */
static void
test_bare_durations(void **state)
{
	uint64_t ms;

	assert_int_equal(units_duration("3600", 1000, &ms), 0);
	assert_int_equal(ms, 3600000);
	assert_int_equal(units_duration("1.5", 1000, &ms), 0);
	assert_int_equal(ms, 1500);
	assert_int_equal(units_duration("5s", 1, &ms), 0);
	assert_int_equal(ms, 5000);
}

static void
test_sizes(void **state)
{
	static const char *const bad[] = {"", "M", "-1", "1m", "1MB", "1 M",
	    "1.5M", "99999999999999999999", "99999999999999G"};
	uint64_t n = 0;

	assert_int_equal(units_size("0", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(units_size("4096", &n), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(units_size("64K", &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(units_size("64M", &n), 0);
	assert_int_equal(n, 67108864);
	assert_int_equal(units_size("1G", &n), 0);
	assert_int_equal(n, 1073741824);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(units_size(bad[i], &n), -1);
	assert_int_equal(n, 1073741824);
}

static void
test_numbers(void **state)
{
	uint64_t n = 5;

	assert_int_equal(units_number("1", 1, 10, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(units_number("10", 1, 10, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(units_number("0", 1, 10, &n), -1);
	assert_int_equal(units_number("11", 1, 10, &n), -1);
	assert_int_equal(units_number("", 0, 10, &n), -1);
	assert_int_equal(units_number("1x", 0, 10, &n), -1);
	assert_int_equal(units_number("-1", 0, UINT64_MAX, &n), -1);
	assert_int_equal(units_number("18446744073709551616", 0, UINT64_MAX,
			     &n),
	    -1);
	assert_int_equal(n, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_bad_durations),
	    cmocka_unit_test(test_bare_durations),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
