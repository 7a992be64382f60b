/* heavy:computation: sort. */

#include "tests/unit/heaving.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fails unless the result is this JSON array, of strings or integers. */
static void
assert_sorted(const char *order, const char *values, const char *want)
{
	char got[1024] = "", *at = got;
	const msgpack_object_array *r = &tasking_ok(HEAVING,
	    HEAVING_RUN("sort", "{'values': %s, 'order': '%s'}"), values, order)
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

	assert_int_equal(heaving_run_values("sort", &values), 0);
	out = tasking_result()->via.array.ptr;
	assert_int_equal(out[0].via.i64, INT64_MIN);
	assert_true(out[1].via.u64 == UINT64_MAX - 1);
	assert_true(out[2].via.u64 == UINT64_MAX);
	in[1] =
	    (msgpack_object){.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = NAN};
	assert_int_equal(heaving_run_values("sort", &values), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values[1]");
}

static void
test_sort_refusals(void **state)
{
	static const char *const bad[][2] = {
	    {"params.values", "{}"},
	    {"params.values", "{'values': 'cab'}"},
	    {"params.values", "{'values': {'$bin': '000000000000f0'}}"},
	    {"params.values[1]",
		"{'values': {'$bin': '0000000000000000000000000000f8ff'}}"},
	    {"params.values[0]", "{'values': [null]}"},
	    {"params.values[0]", "{'values': [{}]}"},
	    {"params.values[2]", "{'values': [1, 2, 'c']}"},
	    {"params.values[1]", "{'values': ['a', 2]}"},
	    {"params.values[1]", "{'values': ['a', true]}"},
	    {"params.order", "{'values': [], 'order': 'up'}"},
	    {"params.by", "{'values': [], 'by': 'x'}"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		tasking_refuses(bad[i][0], HEAVING,
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
		assert_int_equal(heaving_run_values("sort", &values), 0);
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
	assert_int_equal(heaving_run_values("sort", &values), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values");
	free(in);
}

/* Fails unless bytes of these values are sorted into bytes of those. */
static void
assert_sorted_bytes(const char *order, const double *values, size_t n,
    const double *want)
{
	char bytes[16 * 8 + 1] = "";
	const msgpack_object *r;

	assert_true(n <= 8);
	for (size_t i = 0; i < n * sizeof *values; i++)
		sprintf(bytes + 2 * i, "%02x", ((const uint8_t *)values)[i]);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("sort", "{'values': {'$bin': '%s'}, 'order': '%s'}"),
	    bytes, order);
	assert_int_equal(r->type, MSGPACK_OBJECT_BIN);
	assert_int_equal(r->via.bin.size, n * sizeof *want);
	assert_memory_equal(r->via.bin.ptr, want, n * sizeof *want);
}

static void
test_sort_bytes(void **state)
{
	static const double values[] = {2.5, INFINITY, 0.0, -0.0, -1e300,
	    -INFINITY, 5e-324};
	/* equal ones, zeros of both signs, stay in their order */
	static const double up[] = {-INFINITY, -1e300, 0.0, -0.0, 5e-324, 2.5,
	    INFINITY};
	static const double down[] = {INFINITY, 2.5, 5e-324, 0.0, -0.0, -1e300,
	    -INFINITY};

	assert_sorted_bytes("asc", values, 7, up);
	assert_sorted_bytes("desc", values, 7, down);
	assert_sorted_bytes("asc", values, 1, values);
	assert_sorted_bytes("asc", values, 0, values);
}

/* 2^23 values are taken, one more is not; but their result is too large. */
static void
test_sort_bytes_limit(void **state)
{
	const size_t most = (size_t)1 << 23, n = most - 1;
	double *numbers = calloc(most + 1, sizeof *numbers);
	msgpack_object bytes =
	    tasking_bin((char *)numbers, (most + 1) * sizeof *numbers);
	const msgpack_object *r;

	assert_int_equal(heaving_run_values("sort", &bytes), -1);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "params.values");
	bytes = tasking_bin((char *)numbers, most * sizeof *numbers);
	assert_int_equal(heaving_run_values("sort", &bytes), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	numbers[0] = 3;
	bytes = tasking_bin((char *)numbers, n * sizeof *numbers);
	assert_int_equal(heaving_run_values("sort", &bytes), 0);
	r = tasking_result();
	assert_int_equal(r->via.bin.size, n * sizeof *numbers);
	assert_memory_equal(r->via.bin.ptr + (n - 1) * sizeof *numbers,
	    &numbers[0], sizeof *numbers);
	free(numbers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sort),
	    cmocka_unit_test(test_sort_unsigned),
	    cmocka_unit_test(test_sort_refusals),
	    cmocka_unit_test(test_sort_many),
	    cmocka_unit_test(test_sort_bytes),
	    cmocka_unit_test(test_sort_bytes_limit),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
