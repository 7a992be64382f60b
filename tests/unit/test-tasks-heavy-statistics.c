/* heavy:computation: statistics, beside certified values. */

#include "tests/unit/heaving.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CERTIFIED 1e-14 /* relative: what NIST's digits allow */

/*
 * NIST Statistical Reference Datasets, univariate summary statistics: NumAcc1
 * to NumAcc4 are a value and then 500 pairs around it (NumAcc1: one pair).
 */
static void
test_statistics_numacc(void **state)
{
	static const struct {
		const char *first;
		const char *pair;
		size_t pairs;
		double mean;
		double stddev;
		double relative; /* of the deviation: these are no float64 */
	} sets[] = {
	    {"10000001", "10000003,10000002", 1, 10000002, 1, CERTIFIED},
	    {"1.2", "1.1,1.3", 500, 1.2, 0.1, CERTIFIED},
	    {"1000000.2", "1000000.1,1000000.3", 500, 1000000.2, 0.1, 1e-9},
	    {"10000000.2", "10000000.1,10000000.3", 500, 10000000.2, 0.1, 1e-7},
	};

	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		char *pairs = heaving_many(sets[i].pair, sets[i].pairs);
		const msgpack_object *r = tasking_ok(HEAVING,
		    HEAVING_RUN("statistics", "{'values': [%s,%s}"),
		    sets[i].first, pairs + 1);

		heaving_assert_near(heaving_number(r, "mean"), sets[i].mean,
		    CERTIFIED);
		heaving_assert_near(heaving_number(r, "stddev"), sets[i].stddev,
		    sets[i].relative);
		heaving_assert_near(heaving_number(r, "variance"),
		    sets[i].stddev * sets[i].stddev, 2 * sets[i].relative);
		assert_int_equal(heaving_number(r, "count"),
		    2 * sets[i].pairs + 1);
		free(pairs);
	}
}

/* NIST's Michelson: speed of light, in thousands of km/s, 1879. */
static void
test_statistics_michelson(void **state)
{
	static const int values[] = {850, 740, 900, 1070, 930, 850, 950, 980,
	    980, 880, 1000, 980, 930, 650, 760, 810, 1000, 1000, 960, 960, 960,
	    940, 960, 940, 880, 800, 850, 880, 900, 840, 830, 790, 810, 880,
	    880, 830, 800, 790, 760, 800, 880, 880, 880, 860, 720, 720, 620,
	    860, 970, 950, 880, 910, 850, 870, 840, 840, 850, 840, 840, 840,
	    890, 810, 810, 820, 800, 770, 760, 740, 750, 760, 910, 920, 890,
	    860, 880, 720, 840, 850, 850, 780, 890, 840, 780, 810, 760, 810,
	    790, 810, 820, 850, 870, 870, 810, 740, 810, 940, 950, 800, 810,
	    870};
	char json[2048], *at = json;
	const msgpack_object *r;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		at += sprintf(at, "%s%.2f", i > 0 ? "," : "",
		    299 + values[i] / 1000.0);
	r = tasking_ok(HEAVING, HEAVING_RUN("statistics", "{'values': [%s]}"),
	    json);
	heaving_assert_near(heaving_number(r, "mean"), 299.852400000000,
	    CERTIFIED);
	heaving_assert_near(heaving_number(r, "stddev"), 0.0790105478190518,
	    1e-12);
}

static void
test_statistics(void **state)
{
	const msgpack_object *r, *p;

	r = tasking_ok(HEAVING,
	    HEAVING_RUN("statistics",
		"{'values': [4, 1, 3, 2], "
		"'percentiles': [0, 25, 50, 90, 100, 99.9]}"));
	assert_int_equal(heaving_number(r, "count"), 4);
	assert_true(
	    heaving_number(r, "sum") == 10 && heaving_number(r, "mean") == 2.5);
	assert_true(
	    heaving_number(r, "min") == 1 && heaving_number(r, "max") == 4);
	assert_true(heaving_number(r, "median") == 2.5);
	assert_true(heaving_number(r, "populationVariance") == 1.25);
	heaving_assert_near(heaving_number(r, "variance"), 5.0 / 3,
	    DBL_EPSILON);
	heaving_assert_near(heaving_number(r, "stddev"), sqrt(5.0 / 3),
	    DBL_EPSILON);
	heaving_assert_near(heaving_number(r, "populationStddev"), sqrt(1.25),
	    DBL_EPSILON);
	/* numpy.percentile([4, 1, 3, 2], ...) */
	p = tasking_get(r, "percentiles")->via.array.ptr;
	assert_int_equal(tasking_get(r, "percentiles")->via.array.size, 6);
	assert_true(p[0].via.f64 == 1 && p[1].via.f64 == 1.75);
	assert_true(p[2].via.f64 == 2.5 && p[4].via.f64 == 4);
	heaving_assert_near(p[3].via.f64, 3.7, DBL_EPSILON);
	heaving_assert_near(p[5].via.f64, 3.997, DBL_EPSILON);
	/* the largest that a median is told of: their sum must be finite */
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("statistics",
		"{'values': [8.9e307, 8.9e307], 'percentiles': [50]}"));
	p = tasking_get(r, "percentiles")->via.array.ptr;
	assert_true(
	    heaving_number(r, "median") == 8.9e307 && p[0].via.f64 == 8.9e307);
	/* a plain sum of these is 0 */
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("statistics", "{'values': [1, 1e100, 1, -1e100]}"));
	assert_true(
	    heaving_number(r, "sum") == 2 && heaving_number(r, "mean") == 0.5);
}

static void
test_statistics_of_one(void **state)
{
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("statistics", "{'values': [7], 'percentiles': [33]}"));

	assert_int_equal(tasking_get(r, "variance")->type, MSGPACK_OBJECT_NIL);
	assert_int_equal(tasking_get(r, "stddev")->type, MSGPACK_OBJECT_NIL);
	assert_true(heaving_number(r, "populationVariance") == 0);
	assert_true(
	    heaving_number(r, "median") == 7 && heaving_number(r, "sum") == 7);
	assert_true(
	    tasking_get(r, "percentiles")->via.array.ptr[0].via.f64 == 7);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("statistics", "{'values': " HEAVING_ONE_TWO "}"));
	assert_true(heaving_number(r, "sum") == 3 &&
		    heaving_number(r, "median") == 1.5);
	assert_int_equal(tasking_get(r, "percentiles")->via.array.size, 0);
}

static void
test_statistics_refusals(void **state)
{
	/* the sum; and where that is none, the squares */
	static const char *const overflows[] = {"[1e308, 1e308]", "[1e200, 0]",
	    "[1e155, -1e155, 1, 2, 3]"};
	static const char *const bad[][2] = {
	    {"params.values", "{}"},
	    {"params.values", "{'values': []}"},
	    {"params.values", "{'values': {'$bin': ''}}"},
	    {"params.values", "{'values': {'$bin': '000000000000f03f00'}}"},
	    {"params.values", "{'values': 'abcdefgh'}"},
	    {"params.values[1]", "{'values': [1, '2']}"},
	    {"params.values[0]", "{'values': [9007199254740993]}"},
	    {"params.values[0]", "{'values': {'$bin': '000000000000f87f'}}"},
	    {"params.percentiles", "{'values': [1], 'percentiles': []}"},
	    {"params.percentiles", "{'values': [1], 'percentiles': 50}"},
	    {"params.percentiles", "{'values': [1], 'percentiles': [100.1]}"},
	    {"params.percentiles", "{'values': [1], 'percentiles': [50, -1]}"},
	    {"params.percentiles[1]",
		"{'values': [1], 'percentiles': [50, 'p95']}"},
	};
	char *percentiles = heaving_many("50", 101);
	const struct fault *f;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i][0], HEAVING,
		    "{'operation': 'statistics', 'params': %s}", bad[i][1]);
	tasking_refuses("params.percentiles", HEAVING,
	    HEAVING_RUN("statistics", "{'values': [1], 'percentiles': %s}"),
	    percentiles);
	free(percentiles);
	for (size_t i = 0; i < sizeof overflows / sizeof overflows[0]; i++) {
		f = tasking_fails(HEAVING,
		    HEAVING_RUN("statistics", "{'values': %s}"), overflows[i]);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, "too large");
	}
}

/* 2^23 values are taken, one more is not. */
static void
test_statistics_limit(void **state)
{
	size_t len = 8 * (((size_t)1 << 23) + 1);
	char *zeros = calloc(1, len);
	msgpack_object bytes = tasking_bin(zeros, len);

	assert_int_equal(heaving_run_values("statistics", &bytes), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values");
	bytes = tasking_bin(zeros, len - 8);
	assert_int_equal(heaving_run_values("statistics", &bytes), 0);
	assert_int_equal(heaving_number(tasking_result(), "count"), 1 << 23);
	free(zeros);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_statistics_numacc),
	    cmocka_unit_test(test_statistics_michelson),
	    cmocka_unit_test(test_statistics),
	    cmocka_unit_test(test_statistics_of_one),
	    cmocka_unit_test(test_statistics_refusals),
	    cmocka_unit_test(test_statistics_limit),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
