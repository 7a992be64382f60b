/* heavy:computation: primes, fibonacci, monte-carlo-pi, mandelbrot. */

#include "tests/unit/heaving.h"

#include <math.h>
#include <string.h>

static uint64_t
count_primes(long long from, long long to)
{
	return tasking_get(tasking_ok(HEAVING,
			       HEAVING_RUN("primes",
				   "{'from': %lld, 'to': %lld, "
				   "'list': false}"),
			       from, to),
	    "count")
	    ->via.u64;
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
		const msgpack_object *result = tasking_ok(HEAVING,
		    HEAVING_RUN("primes", "{'from': %llu, 'to': %llu}"),
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

	tasking_refuses("params.to", HEAVING, HEAVING_RUN("primes", "{}"));
	tasking_refuses("params.to", HEAVING,
	    HEAVING_RUN("primes", "{'to': 1000000000001}"));
	tasking_refuses("params.to", HEAVING,
	    HEAVING_RUN("primes", "{'to': -1}"));
	tasking_refuses("params.to", HEAVING,
	    HEAVING_RUN("primes", "{'to': 10.0}"));
	tasking_refuses("params.from", HEAVING,
	    HEAVING_RUN("primes", "{'from': -1, 'to': 10}"));
	tasking_refuses("params.from", HEAVING,
	    HEAVING_RUN("primes", "{'from': 11, 'to': 10}"));
	tasking_refuses("params.list", HEAVING,
	    HEAVING_RUN("primes", "{'to': 10, 'list': 1}"));
	f = tasking_refuses("params.to", HEAVING,
	    HEAVING_RUN("primes",
		"{'from': 7, 'to': 1000000008, 'list': false}"));
	tasking_assert_contains(f->message, "1000000000");
	f = tasking_fails(HEAVING, HEAVING_RUN("primes", "{'to': 16000000}"));
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
		const msgpack_object *result = tasking_ok(HEAVING,
		    HEAVING_RUN("fibonacci", "{'n': %d}"), known[i].n);

		tasking_assert_str(tasking_get(result, "value"),
		    known[i].value);
		assert_int_equal(tasking_get(result, "digits")->via.u64,
		    strlen(known[i].value));
	}
	/* OEIS A068070: digits of the 10^n-th */
	assert_int_equal(tasking_get(tasking_ok(HEAVING,
					 HEAVING_RUN("fibonacci",
					     "{'n': 1000000}")),
			     "digits")
			     ->via.u64,
	    208988);
}

static void
test_fibonacci_limits(void **state)
{
	tasking_refuses("params.n", HEAVING, HEAVING_RUN("fibonacci", "{}"));
	tasking_refuses("params.n", HEAVING,
	    HEAVING_RUN("fibonacci", "{'n': -1}"));
	tasking_refuses("params.n", HEAVING,
	    HEAVING_RUN("fibonacci", "{'n': '7'}"));
	tasking_refuses("params.n", HEAVING,
	    HEAVING_RUN("fibonacci", "{'n': 10000001}"));
	tasking_refuses("params.m", HEAVING,
	    HEAVING_RUN("fibonacci", "{'n': 1, 'm': 1}"));
	assert_int_equal(tasking_get(tasking_ok(HEAVING,
					 HEAVING_RUN("fibonacci",
					     "{'n': 10000000}")),
			     "digits")
			     ->via.u64,
	    2089877);
}

static void
test_pi(void **state)
{
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 1}"));
	double inside = heaving_number(r, "inside");

	heaving_assert_near(heaving_number(r, "pi"), M_PI, 0.002);
	assert_true(heaving_number(r, "pi") == 4 * inside / 1000000);
	assert_int_equal(heaving_number(r, "samples"), 1000000);
	assert_int_equal(heaving_number(r, "seed"), 1);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 1}"));
	assert_true(heaving_number(r, "inside") == inside);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 1000000, 'seed': 2}"));
	assert_true(heaving_number(r, "inside") != inside);
}

/* The seed that was chosen is told, and gives the same again. */
static void
test_pi_random(void **state)
{
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 100000}"));
	double inside = heaving_number(r, "inside");
	uint64_t seed = tasking_get(r, "seed")->via.u64;

	r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 100000, 'seed': %llu}"),
	    (unsigned long long)seed);
	assert_true(heaving_number(r, "inside") == inside);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 1}"));
	assert_int_not_equal(tasking_get(r, "seed")->via.u64, seed);
}

static void
test_pi_limits(void **state)
{
	tasking_refuses("params.samples", HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{}"));
	tasking_refuses("params.samples", HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 0}"));
	tasking_refuses("params.samples", HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 10000000001}"));
	tasking_refuses("params.seed", HEAVING,
	    HEAVING_RUN("monte-carlo-pi", "{'samples': 1, 'seed': -1}"));
	tasking_refuses("params.seed", HEAVING,
	    HEAVING_RUN("monte-carlo-pi",
		"{'samples': 1, 'seed': 9007199254740993}"));
}

/* One pixel around a point; its iterations. */
static unsigned int
escape(double x, double y, int most)
{
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("mandelbrot",
		"{'width': 1, 'height': 1, 'centerX': %.6f, "
		"'centerY': %.6f, 'maxIterations': %d}"),
	    x, y, most);
	const msgpack_object *pixels = tasking_get(r, "pixels");
	const uint8_t *at = (const uint8_t *)pixels->via.bin.ptr;

	assert_int_equal(heaving_number(r, "bytesPerPixel"),
	    most > 255 ? 2 : 1);
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
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("mandelbrot", "{'width': 30, 'height': 20}"));
	const msgpack_object *pixels = tasking_get(r, "pixels");
	size_t inside = 0;

	assert_int_equal(heaving_number(r, "width"), 30);
	assert_int_equal(heaving_number(r, "height"), 20);
	assert_int_equal(heaving_number(r, "maxIterations"), 255);
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
		tasking_refuses(bad[i][0], HEAVING,
		    "{'operation': 'mandelbrot', 'params': %s}", bad[i][1]);
	f = tasking_refuses("params.height", HEAVING,
	    HEAVING_RUN("mandelbrot", "{'width': 4097, 'height': 4096}"));
	tasking_assert_contains(f->message, "16777216");
	f = tasking_refuses("params.maxIterations", HEAVING,
	    HEAVING_RUN("mandelbrot", "{'width': 1000, 'height': 1000, "
				      "'maxIterations': 10001}"));
	tasking_assert_contains(f->message, "10000000000");
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
	    cmocka_unit_test(test_pi),
	    cmocka_unit_test(test_pi_random),
	    cmocka_unit_test(test_pi_limits),
	    cmocka_unit_test(test_mandelbrot),
	    cmocka_unit_test(test_mandelbrot_picture),
	    cmocka_unit_test(test_mandelbrot_limits),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
