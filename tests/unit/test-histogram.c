/* Histograms against percentiles that are counted exactly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/histogram.h"

#define VALUES 20000
#define LONGEST ((uint64_t)1 << HISTOGRAM_BITS)

static struct histogram h;
static struct histogram_sums sums;

static int
setup(void **state)
{
	memset(&h, 0, sizeof h);
	return 0;
}

static void
sum_minute(void)
{
	memset(&sums, 0, sizeof sums);
	histogram_sum_minute(&sums, &h);
}

static void
sum_all(void)
{
	memset(&sums, 0, sizeof sums);
	histogram_sum_all(&sums, &h);
}

/* A value read back is the one that went in, or less than 1/8 more. */
static void
assert_near(uint64_t got, uint64_t exact)
{
	assert_true(got >= exact);
	assert_true(got - exact <= exact / HISTOGRAM_SUB);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Numbers that are the same in every run. */
static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Every percentile of values of all sizes is right but for an eighth. */
static void
test_percentiles(void **state)
{
	static uint64_t values[VALUES];

	for (int i = 0; i < VALUES; i++) {
		uint64_t r = next_random();

		values[i] = (r >> 20) >> (r % HISTOGRAM_BITS);
		histogram_add(&h, values[i]);
	}
	qsort(values, VALUES, sizeof values[0], compare);
	sum_minute();
	assert_int_equal(sums.count, VALUES);
	assert_int_equal(sums.max, values[VALUES - 1]);
	for (unsigned int p = 1; p <= 100; p++)
		assert_near(histogram_percentile(&sums, p),
		    values[VALUES / 100 * p - 1]);
	for (unsigned int bits = HISTOGRAM_SUB_BITS; bits < HISTOGRAM_BITS;
	     bits++) {
		uint64_t n = 0;

		while (n < VALUES && values[n] < (uint64_t)1 << bits)
			n++;
		assert_int_equal(histogram_below(&sums, bits), n);
	}
}

/* Each power of two and its neighbours lie in order, small ones exactly. */
static void
test_edges(void **state)
{
	for (unsigned int us = 0; us < 2 * HISTOGRAM_SUB; us++)
		assert_int_equal(histogram_bucket(us), us);
	for (unsigned int bits = HISTOGRAM_SUB_BITS; bits < HISTOGRAM_BITS;
	     bits++) {
		uint64_t us = (uint64_t)1 << bits;

		assert_int_equal(histogram_bucket(us - 1) + 1,
		    histogram_bucket(us));
	}
	assert_int_equal(histogram_bucket(LONGEST - 1), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

/* Nothing is 0, one value is all percentiles, and the maximum is exact. */
static void
test_few(void **state)
{
	sum_all();
	assert_int_equal(histogram_percentile(&sums, 99), 0);
	histogram_add(&h, 1001);
	sum_all();
	assert_int_equal(histogram_percentile(&sums, 1), 1001);
	assert_int_equal(histogram_percentile(&sums, 100), 1001);
	histogram_add(&h, 5 * LONGEST);
	sum_all();
	assert_int_equal(histogram_percentile(&sums, 100), 5 * LONGEST);
	assert_int_equal(sums.max, 5 * LONGEST);
	assert_int_equal(sums.sum, 1001 + 5 * LONGEST);
}

/* After a minute a value is not of the last one any more, but not lost. */
static void
test_minute(void **state)
{
	histogram_add(&h, 7000);
	histogram_turn(&h, HISTOGRAM_WINDOWS - 1);
	histogram_add(&h, 5);
	sum_minute();
	assert_int_equal(sums.count, 2);
	assert_int_equal(sums.max, 7000);
	histogram_turn(&h, 1);
	sum_minute();
	assert_int_equal(sums.count, 1);
	assert_int_equal(sums.max, 5);
	assert_int_equal(sums.sum, 5);
	sum_all();
	assert_int_equal(sums.count, 2);
	assert_int_equal(sums.max, 7000);
	histogram_turn(&h, UINT64_MAX); /* a long sleep */
	sum_minute();
	assert_int_equal(sums.count, 0);
	assert_int_equal(sums.max, 0);
	sum_all();
	assert_int_equal(sums.count, 2);
	assert_int_equal(sums.sum, 7005);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_percentiles, setup),
	    cmocka_unit_test_setup(test_edges, setup),
	    cmocka_unit_test_setup(test_few, setup),
	    cmocka_unit_test_setup(test_minute, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
