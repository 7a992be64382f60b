/* heavy:computation: known answers, limits, refusals, other types. */

#include "tests/unit/tasking.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE "heavy:computation"
#define CERTIFIED 1e-14 /* relative: what NIST's digits allow */

#define RUN(operation, params) \
	"{'operation': '" operation "', 'params': " params "}"

static uint64_t
count_primes(long long from, long long to)
{
	return tasking_get(tasking_ok(TYPE,
			       RUN("primes", "{'from': %lld, 'to': %lld, "
					     "'list': false}"),
			       from, to),
	    "count")
	    ->via.u64;
}

static double
number(const msgpack_object *map, const char *key)
{
	return call_number(tasking_get(map, key), NAN);
}

/* Fails unless two numbers are as near as `relative` of the second. */
static void
assert_near(double got, double want, double relative)
{
	if (!(fabs(got - want) <= relative * fabs(want)))
		fail_msg("%.17g is not %.17g", got, want);
}

/* OEIS A006880: primes below 10^n. */
static void
test_primes_counts(void **state)
{
	static const uint64_t counts[] = {0, 4, 25, 168, 1229, 9592, 78498,
	    664579, 5761455};
	long long to = 1;

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		assert_int_equal(count_primes(0, to), counts[i]);
		to *= 10;
	}
}

static bool
is_prime(uint64_t n)
{
	for (uint64_t d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return false;
	}
	return n >= 2;
}

/* Lists of windows, also over the ends of segments, against trial division. */
static void
test_primes_lists(void **state)
{
	static const uint64_t windows[][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 3},
	    {2, 2}, {3, 3}, {4, 4}, {9, 9}, {8, 10}, {0, 1000},
	    {523000, 525500}, {524289, 524291}, {1047000, 1050000},
	    {999966000280, 999966000300}, {999999990000, 1000000000000}};

	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		uint64_t from = windows[i][0], to = windows[i][1];
		const msgpack_object *result = tasking_ok(TYPE,
		    RUN("primes", "{'from': %llu, 'to': %llu}"),
		    (unsigned long long)from, (unsigned long long)to);
		const msgpack_object_array *list =
		    &tasking_get(result, "primes")->via.array;
		uint32_t n = 0;

		for (uint64_t p = from; p <= to; p++) {
			if (!is_prime(p))
				continue;
			assert_true(n < list->size);
			assert_int_equal(list->ptr[n++].via.u64, p);
		}
		assert_int_equal(list->size, n);
		assert_int_equal(tasking_get(result, "count")->via.u64, n);
	}
}

/* What lies on both sides of a cut adds up to the whole. */
static void
test_primes_add_up(void **state)
{
	for (long long cut = 524280; cut < 524300; cut++)
		assert_int_equal(count_primes(0, cut) +
				     count_primes(cut + 1, 1000000),
		    78498);
	/* OEIS A033874: the largest prime below 10^12 is 11 less */
	assert_int_equal(count_primes(999999999989, 1000000000000), 1);
	assert_int_equal(count_primes(999999999990, 1000000000000), 0);
}

static void
test_primes_limits(void **state)
{
	const struct fault *f;

	tasking_refuses("params.to", TYPE, RUN("primes", "{}"));
	tasking_refuses("params.to", TYPE,
	    RUN("primes", "{'to': 1000000000001}"));
	tasking_refuses("params.to", TYPE, RUN("primes", "{'to': -1}"));
	tasking_refuses("params.to", TYPE, RUN("primes", "{'to': 10.0}"));
	tasking_refuses("params.from", TYPE,
	    RUN("primes", "{'from': -1, 'to': 10}"));
	tasking_refuses("params.from", TYPE,
	    RUN("primes", "{'from': 11, 'to': 10}"));
	tasking_refuses("params.list", TYPE,
	    RUN("primes", "{'to': 10, 'list': 1}"));
	f = tasking_refuses("params.to", TYPE,
	    RUN("primes", "{'from': 7, 'to': 1000000008, 'list': false}"));
	tasking_assert_contains(f->message, "1000000000");
	f = tasking_fails(TYPE, RUN("primes", "{'to': 16000000}"));
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"), 999000);
	tasking_assert_contains(f->message, "params.list false");
	assert_int_equal(count_primes(0, 16000000), 1031130);
}

/* OEIS A000045. */
static void
test_fibonacci(void **state)
{
	static const struct {
		int n;
		const char *value;
	} known[] = {
	    {0, "0"},
	    {1, "1"},
	    {2, "1"},
	    {10, "55"},
	    {40, "102334155"},
	    {93, "12200160415121876738"},
	    {94, "19740274219868223167"},
	    {100, "354224848179261915075"},
	    {1000,
		"4346655768693745643568852767504062580256466051737178040248172"
		"9089536555417949051890403879840079255169295922593080322634775"
		"2096896232398733224711616429964409065331879382989696499285160"
		"03704476137795166849228875"},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		const msgpack_object *result =
		    tasking_ok(TYPE, RUN("fibonacci", "{'n': %d}"), known[i].n);

		tasking_assert_str(tasking_get(result, "value"),
		    known[i].value);
		assert_int_equal(tasking_get(result, "digits")->via.u64,
		    strlen(known[i].value));
	}
	/* OEIS A068070: digits of the 10^n-th */
	assert_int_equal(tasking_get(tasking_ok(TYPE,
					 RUN("fibonacci", "{'n': 1000000}")),
			     "digits")
			     ->via.u64,
	    208988);
}

static void
test_fibonacci_limits(void **state)
{
	tasking_refuses("params.n", TYPE, RUN("fibonacci", "{}"));
	tasking_refuses("params.n", TYPE, RUN("fibonacci", "{'n': -1}"));
	tasking_refuses("params.n", TYPE, RUN("fibonacci", "{'n': '7'}"));
	tasking_refuses("params.n", TYPE, RUN("fibonacci", "{'n': 10000001}"));
	tasking_refuses("params.m", TYPE, RUN("fibonacci", "{'n': 1, 'm': 1}"));
	assert_int_equal(tasking_get(tasking_ok(TYPE,
					 RUN("fibonacci", "{'n': 10000000}")),
			     "digits")
			     ->via.u64,
	    2089877);
}

/* The value of a product of arrays in a row and a column. */
static double
cell(const msgpack_object *result, uint32_t i, uint32_t j)
{
	const msgpack_object *rows = tasking_get(result, "product");

	assert_int_equal(rows->type, MSGPACK_OBJECT_ARRAY);
	assert_true(i < rows->via.array.size);
	rows = &rows->via.array.ptr[i];
	assert_true(j < rows->via.array.size);
	return call_number(&rows->via.array.ptr[j], NAN);
}

static void
test_matrix(void **state)
{
	const msgpack_object *r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': [[1, 2, 3], [4, 5, 6]], "
				   "'b': [[7, 8], [9, 10], [11, 12.5]]}"));

	assert_int_equal(number(r, "rows"), 2);
	assert_int_equal(number(r, "columns"), 2);
	assert_true(cell(r, 0, 0) == 58 && cell(r, 0, 1) == 65.5);
	assert_true(cell(r, 1, 0) == 139 && cell(r, 1, 1) == 157);
	r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': [[3]], 'b': [[-0.5]]}"));
	assert_true(cell(r, 0, 0) == -1.5);
	/* a column times a row, and a row times a column */
	r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': [[1], [2]], 'b': [[3, 4, 5]]}"));
	assert_true(cell(r, 1, 2) == 10);
	r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': [[1, 2]], 'b': [[3], [4]]}"));
	assert_true(cell(r, 0, 0) == 11);
	/* what overflows is infinite, as floats are */
	r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': [[1e308]], 'b': [[10]]}"));
	assert_true(isinf(cell(r, 0, 0)));
}

/* The one of two matrices of bytes: [[1, 2]] and [[3], [4]]. */
#define ONE_TWO "{'$bin': '000000000000f03f0000000000000040'}"
#define THREE_FOUR "{'$bin': '00000000000008400000000000001040'}"

static void
test_matrix_bytes(void **state)
{
	static const uint8_t eleven[8] = {[6] = 0x26, [7] = 0x40};
	const msgpack_object *r = tasking_ok(TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 1, 'inner': 2, 'columns': 1}"));

	tasking_assert_bin(tasking_get(r, "product"), eleven, sizeof eleven);
	tasking_refuses("params.a", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 1, 'inner': 3, 'columns': 1}"));
	tasking_refuses("params.b", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 1, 'inner': 2, 'columns': 2}"));
	tasking_refuses("params.inner", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 1, 'columns': 1}"));
	tasking_refuses("params.rows", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 2049, 'inner': 2, 'columns': 1}"));
	tasking_refuses("params.columns", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': " THREE_FOUR ", "
				   "'rows': 1, 'inner': 2, 'columns': 0}"));
	tasking_refuses("params.b", TYPE,
	    RUN("matrix-multiply", "{'a': " ONE_TWO ", 'b': [[3], [4]], "
				   "'rows': 1, 'inner': 2, 'columns': 1}"));
	/* infinity */
	tasking_refuses("params.a[0][0]", TYPE,
	    RUN("matrix-multiply",
		"{'a': {'$bin': '000000000000f07f'}, 'b': {'$bin': "
		"'000000000000f07f'}, 'rows': 1, 'inner': 1, 'columns': 1}"));
}

static void
test_matrix_refusals(void **state)
{
	static const struct {
		const char *field;
		const char *a;
		const char *b;
	} bad[] = {
	    {"params.a", "[]", "[[1]]"},
	    {"params.a[0]", "[[]]", "[[1]]"},
	    {"params.a[0]", "[1]", "[[1]]"},
	    {"params.a[1]", "[[1, 2], [3]]", "[[1], [2]]"},
	    {"params.a[1]", "[[1, 2], 3]", "[[1], [2]]"},
	    {"params.a[1][0]", "[[1], ['2']]", "[[1]]"},
	    {"params.a[0][1]", "[[1, null]]", "[[1], [2]]"},
	    /* 2^53 + 1 is no float64 */
	    {"params.a[0][0]", "[[9007199254740993]]", "[[1]]"},
	    {"params.a[0][0]", "[[9223372036854775807]]", "[[1]]"},
	    {"params.b", "[[1, 2]]", "[[1]]"},
	    {"params.b", "[[1, 2]]", "{'$bin': ''}"},
	    {"params.b[0][1]", "[[1]]", "[[1, true]]"},
	    {"params.a", "'12'", "[[1]]"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i].field, TYPE,
		    RUN("matrix-multiply", "{'a': %s, 'b': %s}"), bad[i].a,
		    bad[i].b);
	tasking_refuses("params.rows", TYPE,
	    RUN("matrix-multiply", "{'a': [[1]], 'b': [[1]], 'rows': 1}"));
	tasking_refuses("params.b", TYPE, RUN("matrix-multiply", "{'a': []}"));
}

/* An array of n times a text, as JSON; to be freed. */
static char *
many(const char *text, size_t n)
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
static void
test_matrix_limits(void **state)
{
	char *column = many("[1]", 1001), *row = many("1", 1001);
	char *longer = many("1", 2049), *taller = many("[1]", 2049);
	const struct fault *f;

	f = tasking_fails(TYPE, RUN("matrix-multiply", "{'a': %s, 'b': [%s]}"),
	    column, row);
	assert_int_equal(f->code, CODE_TOO_LARGE);
	tasking_assert_contains(f->message, "bytes");
	tasking_refuses("params.b[0]", TYPE,
	    RUN("matrix-multiply", "{'a': [[1]], 'b': [%s]}"), longer);
	tasking_refuses("params.a", TYPE,
	    RUN("matrix-multiply", "{'a': %s, 'b': [[1]]}"), taller);
	free(column);
	free(row);
	free(longer);
	free(taller);
}

static void
test_pi(void **state)
{
	const msgpack_object *r = tasking_ok(TYPE,
	    RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 1}"));
	double inside = number(r, "inside");

	assert_near(number(r, "pi"), M_PI, 0.002);
	assert_true(number(r, "pi") == 4 * inside / 1000000);
	assert_int_equal(number(r, "samples"), 1000000);
	assert_int_equal(number(r, "seed"), 1);
	r = tasking_ok(TYPE,
	    RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 1}"));
	assert_true(number(r, "inside") == inside);
	r = tasking_ok(TYPE,
	    RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 2}"));
	assert_true(number(r, "inside") != inside);
}

/* The seed that was chosen is told, and gives the same again. */
static void
test_pi_random(void **state)
{
	const msgpack_object *r =
	    tasking_ok(TYPE, RUN("monte-carlo-pi", "{'samples': 100000}"));
	double inside = number(r, "inside");
	uint64_t seed = tasking_get(r, "seed")->via.u64;

	r = tasking_ok(TYPE,
	    RUN("monte-carlo-pi", "{'samples': 100000, 'seed': %llu}"),
	    (unsigned long long)seed);
	assert_true(number(r, "inside") == inside);
	r = tasking_ok(TYPE, RUN("monte-carlo-pi", "{'samples': 1}"));
	assert_int_not_equal(tasking_get(r, "seed")->via.u64, seed);
}

static void
test_pi_limits(void **state)
{
	tasking_refuses("params.samples", TYPE, RUN("monte-carlo-pi", "{}"));
	tasking_refuses("params.samples", TYPE,
	    RUN("monte-carlo-pi", "{'samples': 0}"));
	tasking_refuses("params.samples", TYPE,
	    RUN("monte-carlo-pi", "{'samples': 10000000001}"));
	tasking_refuses("params.seed", TYPE,
	    RUN("monte-carlo-pi", "{'samples': 1, 'seed': -1}"));
	tasking_refuses("params.seed", TYPE,
	    RUN("monte-carlo-pi", "{'samples': 1, 'seed': 9007199254740993}"));
}

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
		char *pairs = many(sets[i].pair, sets[i].pairs);
		const msgpack_object *r =
		    tasking_ok(TYPE, RUN("statistics", "{'values': [%s,%s}"),
			sets[i].first, pairs + 1);

		assert_near(number(r, "mean"), sets[i].mean, CERTIFIED);
		assert_near(number(r, "stddev"), sets[i].stddev,
		    sets[i].relative);
		assert_near(number(r, "variance"),
		    sets[i].stddev * sets[i].stddev, 2 * sets[i].relative);
		assert_int_equal(number(r, "count"), 2 * sets[i].pairs + 1);
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
	r = tasking_ok(TYPE, RUN("statistics", "{'values': [%s]}"), json);
	assert_near(number(r, "mean"), 299.852400000000, CERTIFIED);
	assert_near(number(r, "stddev"), 0.0790105478190518, 1e-12);
}

static void
test_statistics(void **state)
{
	const msgpack_object *r, *p;

	r = tasking_ok(TYPE,
	    RUN("statistics", "{'values': [4, 1, 3, 2], "
			      "'percentiles': [0, 25, 50, 90, 100, 99.9]}"));
	assert_int_equal(number(r, "count"), 4);
	assert_true(number(r, "sum") == 10 && number(r, "mean") == 2.5);
	assert_true(number(r, "min") == 1 && number(r, "max") == 4);
	assert_true(number(r, "median") == 2.5);
	assert_true(number(r, "populationVariance") == 1.25);
	assert_near(number(r, "variance"), 5.0 / 3, DBL_EPSILON);
	assert_near(number(r, "stddev"), sqrt(5.0 / 3), DBL_EPSILON);
	assert_near(number(r, "populationStddev"), sqrt(1.25), DBL_EPSILON);
	/* numpy.percentile([4, 1, 3, 2], ...) */
	p = tasking_get(r, "percentiles")->via.array.ptr;
	assert_int_equal(tasking_get(r, "percentiles")->via.array.size, 6);
	assert_true(p[0].via.f64 == 1 && p[1].via.f64 == 1.75);
	assert_true(p[2].via.f64 == 2.5 && p[4].via.f64 == 4);
	assert_near(p[3].via.f64, 3.7, DBL_EPSILON);
	assert_near(p[5].via.f64, 3.997, DBL_EPSILON);
	/* a plain sum of these is 0 */
	r = tasking_ok(TYPE,
	    RUN("statistics", "{'values': [1, 1e100, 1, -1e100]}"));
	assert_true(number(r, "sum") == 2 && number(r, "mean") == 0.5);
}

static void
test_statistics_of_one(void **state)
{
	const msgpack_object *r = tasking_ok(TYPE,
	    RUN("statistics", "{'values': [7], 'percentiles': [33]}"));

	assert_int_equal(tasking_get(r, "variance")->type, MSGPACK_OBJECT_NIL);
	assert_int_equal(tasking_get(r, "stddev")->type, MSGPACK_OBJECT_NIL);
	assert_true(number(r, "populationVariance") == 0);
	assert_true(number(r, "median") == 7 && number(r, "sum") == 7);
	assert_true(
	    tasking_get(r, "percentiles")->via.array.ptr[0].via.f64 == 7);
	r = tasking_ok(TYPE, RUN("statistics", "{'values': " ONE_TWO "}"));
	assert_true(number(r, "sum") == 3 && number(r, "median") == 1.5);
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
	char *percentiles = many("50", 101);
	const struct fault *f;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i][0], TYPE,
		    "{'operation': 'statistics', 'params': %s}", bad[i][1]);
	tasking_refuses("params.percentiles", TYPE,
	    RUN("statistics", "{'values': [1], 'percentiles': %s}"),
	    percentiles);
	free(percentiles);
	for (size_t i = 0; i < sizeof overflows / sizeof overflows[0]; i++) {
		f = tasking_fails(TYPE, RUN("statistics", "{'values': %s}"),
		    overflows[i]);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, "too large");
	}
}

/* Runs an operation with one value for `values` that is no JSON. */
static int
run_values(const char *operation, const msgpack_object *values)
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

	return tasking_run(TYPE, &data, TASKING_RESULT_MAX);
}

/* 2^23 values are taken, one more is not. */
static void
test_statistics_limit(void **state)
{
	size_t len = 8 * (((size_t)1 << 23) + 1);
	char *zeros = calloc(1, len);
	msgpack_object bytes = tasking_bin(zeros, len);

	assert_int_equal(run_values("statistics", &bytes), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values");
	bytes = tasking_bin(zeros, len - 8);
	assert_int_equal(run_values("statistics", &bytes), 0);
	assert_int_equal(number(tasking_result(), "count"), 1 << 23);
	free(zeros);
}

/* Fails unless the result is this JSON array, of strings or integers. */
static void
assert_sorted(const char *order, const char *values, const char *want)
{
	char got[1024] = "", *at = got;
	const msgpack_object_array *r = &tasking_ok(TYPE,
	    RUN("sort", "{'values': %s, 'order': '%s'}"), values, order)
					     ->via.array;

	for (uint32_t i = 0; i < r->size; i++) {
		const msgpack_object *v = &r->ptr[i];

		at += i > 0 ? sprintf(at, " ") : 0;
		if (v->type == MSGPACK_OBJECT_STR)
			at += sprintf(at, "%s", tasking_text(v));
		else if (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
			at +=
			    sprintf(at, "%llu", (unsigned long long)v->via.u64);
		else if (v->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
			at += sprintf(at, "%lld", (long long)v->via.i64);
		else
			at += sprintf(at, "%.1f", v->via.f64);
	}
	assert_string_equal(got, want);
}

static void
test_sort(void **state)
{
	assert_sorted("asc", "[]", "");
	assert_sorted("asc", "[3, -1, 2]", "-1 2 3");
	assert_sorted("desc", "[3, -1, 2]", "3 2 -1");
	assert_sorted("asc", "[2.5, 2, 3, -0.5]", "-0.5 2 2.5 3");
	assert_sorted("asc", "[2.5, -1.0, 2.0]", "-1.0 2.0 2.5");
	assert_sorted("desc", "[2.5, -1.0, 100.5, 2.0]", "100.5 2.5 2.0 -1.0");
	assert_sorted("asc", "[-9007199254740992, 9007199254740992, 0]",
	    "-9007199254740992 0 9007199254740992");
	assert_sorted("desc", "[-9007199254740993, -9007199254740992]",
	    "-9007199254740992 -9007199254740993");
	assert_sorted("asc", "[1.0, 0.0, -0.0, 0.0]", "0.0 -0.0 0.0 1.0");
	/* equal ones stay in their order, both ways */
	assert_sorted("asc", "[1, 1.0, 0, 1]", "0 1 1.0 1");
	assert_sorted("desc", "[1, 1.0, 0, 1.0]", "1 1.0 1.0 0");
	/* next to each other, and the same as float64 */
	assert_sorted("asc",
	    "[9223372036854775807, 9223372036854775806, "
	    "9223372036854775807]",
	    "9223372036854775806 9223372036854775807 9223372036854775807");
	assert_sorted("asc", "[9007199254740993, 9007199254740992.0]",
	    "9007199254740992.0 9007199254740993");
	/* bytes, not letters: as strcmp() */
	assert_sorted("asc", "['b', 'a', 'B', '', 'ab', 'ä', 'z']",
	    " B a ab b z ä");
	assert_sorted("desc", "['a', 'ab', '']", "ab a ");
	/* alike in more bytes than are compared at once */
	assert_sorted("asc",
	    "['prefix2', 'prefix1', 'prefix', 'prefiy', 'prefi']",
	    "prefi prefix prefix1 prefix2 prefiy");
	assert_sorted("desc", "['prefix1', 'prefix2', 'prefi']",
	    "prefix2 prefix1 prefi");
}

/* What is over int64 is a number all the same. */
static void
test_sort_unsigned(void **state)
{
	msgpack_object in[3] = {
	    {.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = UINT64_MAX},
	    {.type = MSGPACK_OBJECT_POSITIVE_INTEGER,
		.via.u64 = UINT64_MAX - 1},
	    {.type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = INT64_MIN},
	};
	msgpack_object values = {.type = MSGPACK_OBJECT_ARRAY,
	    .via.array = {3, in}};
	const msgpack_object *out;

	assert_int_equal(run_values("sort", &values), 0);
	out = tasking_result()->via.array.ptr;
	assert_int_equal(out[0].via.i64, INT64_MIN);
	assert_true(out[1].via.u64 == UINT64_MAX - 1);
	assert_true(out[2].via.u64 == UINT64_MAX);
	in[1] =
	    (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = NAN};
	assert_int_equal(run_values("sort", &values), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values[1]");
}

static void
test_sort_refusals(void **state)
{
	static const char *const bad[][2] = {
	    {"params.values", "{}"},
	    {"params.values", "{'values': 'cab'}"},
	    {"params.values[0]", "{'values': [null]}"},
	    {"params.values[0]", "{'values': [{}]}"},
	    {"params.values[2]", "{'values': [1, 2, 'c']}"},
	    {"params.values[1]", "{'values': ['a', 2]}"},
	    {"params.values[1]", "{'values': ['a', true]}"},
	    {"params.order", "{'values': [], 'order': 'up'}"},
	    {"params.by", "{'values': [], 'by': 'x'}"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i][0], TYPE,
		    "{'operation': 'sort', 'params': %s}", bad[i][1]);
}

/* Over the runs that are sorted for themselves; 999000 values at most. */
static void
test_sort_many(void **state)
{
	enum { MOST = 999000 };
	static const uint32_t sizes[] = {4096, 4097, 8192, 8193, 100000, MOST};
	msgpack_object *in = calloc(MOST + 1, sizeof *in);
	msgpack_object values = {.type = MSGPACK_OBJECT_ARRAY};
	uint32_t x = 1;

	for (size_t i = 0; i < MOST + 1; i++) {
		x = x * 1664525u + 1013904223u;
		in[i].type = MSGPACK_OBJECT_POSITIVE_INTEGER;
		in[i].via.u64 = x >> 8;
	}
	values.via.array.ptr = in;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		const msgpack_object_array *out;
		uint64_t before = 0, after = 0;

		values.via.array.size = sizes[i];
		assert_int_equal(run_values("sort", &values), 0);
		out = &tasking_result()->via.array;
		assert_int_equal(out->size, sizes[i]);
		for (uint32_t j = 0; j < sizes[i]; j++) {
			before += in[j].via.u64;
			after += out->ptr[j].via.u64;
			assert_true(j == 0 || out->ptr[j - 1].via.u64 <=
						  out->ptr[j].via.u64);
		}
		assert_true(before == after);
	}
	values.via.array.size = MOST + 1;
	assert_int_equal(run_values("sort", &values), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values");
	free(in);
}

/* One pixel around a point; its iterations. */
static unsigned int
escape(double x, double y, int most)
{
	const msgpack_object *r = tasking_ok(TYPE,
	    RUN("mandelbrot", "{'width': 1, 'height': 1, 'centerX': %.6f, "
			      "'centerY': %.6f, 'maxIterations': %d}"),
	    x, y, most);
	const msgpack_object *pixels = tasking_get(r, "pixels");
	const uint8_t *at = (const uint8_t *)pixels->via.bin.ptr;

	assert_int_equal(number(r, "bytesPerPixel"), most > 255 ? 2 : 1);
	assert_int_equal(pixels->via.bin.size, most > 255 ? 2 : 1);
	return most > 255 ? at[0] | (unsigned int)at[1] << 8 : at[0];
}

/* Points that are known to be in the set, or to be none of it. */
static void
test_mandelbrot(void **state)
{
	static const double in[][2] = {{0, 0}, {-1, 0}, {-2, 0}, {0.25, 0},
	    {0, 1}, {-1.75, 0}};

	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
		assert_int_equal(escape(in[i][0], in[i][1], 255), 255);
		assert_int_equal(escape(in[i][0], in[i][1], 65535), 65535);
	}
	/* z: 0, 3; over 2 at once. 1: 0, 1, 2, 5 */
	assert_int_equal(escape(3, 0, 255), 1);
	assert_int_equal(escape(1, 0, 255), 3);
	assert_int_equal(escape(1, 0, 1000), 3);
	assert_int_equal(escape(1, 0, 2), 2);
	/* Boll 1991: 0.25 + e takes about pi / sqrt(e) steps */
	assert_int_equal(escape(0.35, 0, 255), 8);
	assert_int_equal(escape(0.26, 0, 255), 30);
	assert_int_equal(escape(0.251, 0, 255), 97);
	assert_int_equal(escape(0.2501, 0, 1000), 312);
	assert_int_equal(escape(0.25001, 0, 1000), 991);
}

static void
test_mandelbrot_picture(void **state)
{
	/* the real axis is in the middle: the rows mirror each other */
	const msgpack_object *r =
	    tasking_ok(TYPE, RUN("mandelbrot", "{'width': 30, 'height': 20}"));
	const msgpack_object *pixels = tasking_get(r, "pixels");
	size_t inside = 0;

	assert_int_equal(number(r, "width"), 30);
	assert_int_equal(number(r, "height"), 20);
	assert_int_equal(number(r, "maxIterations"), 255);
	assert_int_equal(pixels->via.bin.size, 600);
	for (int i = 0; i < 10; i++)
		assert_memory_equal(pixels->via.bin.ptr + 30 * i,
		    pixels->via.bin.ptr + 30 * (19 - i), 30);
	for (int i = 0; i < 600; i++)
		inside += (uint8_t)pixels->via.bin.ptr[i] == 255;
	/* area 1.5066 (OEIS A098403) of 3 x 2 */
	assert_in_range(inside, 130, 175);
}

static void
test_mandelbrot_limits(void **state)
{
	static const char *const bad[][2] = {
	    {"params.width", "{'height': 1}"},
	    {"params.height", "{'width': 1}"},
	    {"params.width", "{'width': 0, 'height': 1}"},
	    {"params.width", "{'width': 8193, 'height': 1}"},
	    {"params.height", "{'width': 1, 'height': 8193}"},
	    {"params.height", "{'width': 4097, 'height': 4096}"},
	    {"params.maxIterations",
		"{'width': 1, 'height': 1, 'maxIterations': 0}"},
	    {"params.maxIterations",
		"{'width': 1, 'height': 1, 'maxIterations': 65536}"},
	    {"params.maxIterations",
		"{'width': 1000, 'height': 1000, 'maxIterations': 10001}"},
	    {"params.scale", "{'width': 1, 'height': 1, 'scale': 0}"},
	    {"params.scale", "{'width': 1, 'height': 1, 'scale': 16.5}"},
	    {"params.centerX", "{'width': 1, 'height': 1, 'centerX': 4.5}"},
	    {"params.centerY", "{'width': 1, 'height': 1, 'centerY': 'i'}"},
	};
	const struct fault *f;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i][0], TYPE,
		    "{'operation': 'mandelbrot', 'params': %s}", bad[i][1]);
	f = tasking_refuses("params.height", TYPE,
	    RUN("mandelbrot", "{'width': 4097, 'height': 4096}"));
	tasking_assert_contains(f->message, "16777216");
	f = tasking_refuses("params.maxIterations", TYPE,
	    RUN("mandelbrot", "{'width': 1000, 'height': 1000, "
			      "'maxIterations': 10001}"));
	tasking_assert_contains(f->message, "10000000000");
}

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

	assert_int_equal(tasking_run(TYPE, &data, 10000), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_run(TYPE, &data, 11000), 0);
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
		f = tasking_refuses("operation", TYPE, "{'operation': '%s'}",
		    unknown[i]);
		snprintf(part, sizeof part,
		    "Unknown operation \"%s\": operation takes \"primes\", ",
		    unknown[i]);
		tasking_assert_contains(f->message, part);
		tasking_assert_contains(f->message,
		    "\"mandelbrot\", or the name of a task type");
	}
	tasking_refuses("operation", TYPE, "{}");
	tasking_refuses("operation", TYPE, "{'operation': 7}");
	tasking_refuses("data", TYPE, "null");
	tasking_refuses("params", TYPE,
	    "{'operation': 'primes', 'params': [10]}");
	tasking_refuses("params", TYPE,
	    "{'operation': 'primes', 'params': 10}");
	tasking_refuses("parms", TYPE,
	    "{'operation': 'primes', 'parms': {'to': 10}}");
	/* no params are as none */
	tasking_refuses("params.to", TYPE, "{'operation': 'primes'}");
	tasking_refuses("params.to", TYPE,
	    "{'operation': 'primes', 'params': null}");
}

static void
test_alias(void **state)
{
	const struct task_type *t = registry_find("computation:heavy", 17);

	assert_ptr_equal(t, registry_find(TYPE, strlen(TYPE)));
	assert_int_equal(number(tasking_ok("computation:heavy",
				    RUN("primes", "{'to': 10}")),
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

	tasking_assert_str(tasking_ok(TYPE,
			       RUN("crypto:hash", "{'input': 'abc', "
						  "'algorithm': 'md5'}")),
	    "900150983cd24fb0d6963f7d28e17f72");
	/* errors are the type's own, and so are the fields that they name */
	tasking_refuses("input", TYPE, "{'operation': 'crypto:hash'}");
	tasking_refuses("level", TYPE,
	    RUN("data:compress", "{'input': '', 'level': 99}"));
	f = tasking_fails(TYPE,
	    RUN("data:decompress", "{'input': 'no format'}"));
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	/* itself, and what only some servers offer */
	tasking_refuses("operation", TYPE,
	    RUN("heavy:computation", "{'operation': 'primes'}"));
	tasking_refuses("operation", TYPE,
	    RUN("computation:heavy", "{'operation': 'primes'}"));
	f = tasking_refuses("operation", TYPE, RUN("debug:echo", "{}"));
	tasking_assert_contains(f->message,
	    "any task type but debug:* and heavy:computation, not "
	    "\"debug:echo\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_primes_counts),
	    cmocka_unit_test(test_primes_lists),
	    cmocka_unit_test(test_primes_add_up),
	    cmocka_unit_test(test_primes_limits),
	    cmocka_unit_test(test_fibonacci),
	    cmocka_unit_test(test_fibonacci_limits),
	    cmocka_unit_test(test_matrix),
	    cmocka_unit_test(test_matrix_bytes),
	    cmocka_unit_test(test_matrix_refusals),
	    cmocka_unit_test(test_matrix_limits),
	    cmocka_unit_test(test_pi),
	    cmocka_unit_test(test_pi_random),
	    cmocka_unit_test(test_pi_limits),
	    cmocka_unit_test(test_statistics_numacc),
	    cmocka_unit_test(test_statistics_michelson),
	    cmocka_unit_test(test_statistics),
	    cmocka_unit_test(test_statistics_of_one),
	    cmocka_unit_test(test_statistics_refusals),
	    cmocka_unit_test(test_statistics_limit),
	    cmocka_unit_test(test_sort),
	    cmocka_unit_test(test_sort_unsigned),
	    cmocka_unit_test(test_sort_refusals),
	    cmocka_unit_test(test_sort_many),
	    cmocka_unit_test(test_mandelbrot),
	    cmocka_unit_test(test_mandelbrot_picture),
	    cmocka_unit_test(test_mandelbrot_limits),
	    cmocka_unit_test(test_result_limit),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_alias),
	    cmocka_unit_test(test_other_types),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
