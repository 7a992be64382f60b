/* heavy:computation: matrix-multiply. */

#include "tests/unit/heaving.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	const msgpack_object *r =
	    tasking_ok(HEAVING, HEAVING_RUN("matrix-multiply",
				    "{'a': [[1, 2, 3], [4, 5, 6]], "
				    "'b': [[7, 8], [9, 10], [11, 12.5]]}"));

	assert_int_equal(heaving_number(r, "rows"), 2);
	assert_int_equal(heaving_number(r, "columns"), 2);
	assert_true(cell(r, 0, 0) == 58 && cell(r, 0, 1) == 65.5);
	assert_true(cell(r, 1, 0) == 139 && cell(r, 1, 1) == 157);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': [[3]], 'b': [[-0.5]]}"));
	assert_true(cell(r, 0, 0) == -1.5);
	/* a column times a row, and a row times a column */
	r = tasking_ok(HEAVING, HEAVING_RUN("matrix-multiply",
				    "{'a': [[1], [2]], 'b': [[3, 4, 5]]}"));
	assert_true(cell(r, 1, 2) == 10);
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': [[1, 2]], 'b': [[3], [4]]}"));
	assert_true(cell(r, 0, 0) == 11);
	/* what overflows is infinite, as floats are */
	r = tasking_ok(HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': [[1e308]], 'b': [[10]]}"));
	assert_true(isinf(cell(r, 0, 0)));
}

/* The other of two matrices of bytes: [[1, 2]] and [[3], [4]]. */
#define THREE_FOUR "{'$bin': '00000000000008400000000000001040'}"

static void
test_matrix_bytes(void **state)
{
	static const uint8_t eleven[8] = {[6] = 0x26, [7] = 0x40};
	const msgpack_object *r = tasking_ok(HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 1, 'inner': 2, 'columns': 1}"));

	tasking_assert_bin(tasking_get(r, "product"), eleven, sizeof eleven);
	tasking_refuses("params.a", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 1, 'inner': 3, 'columns': 1}"));
	tasking_refuses("params.b", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 1, 'inner': 2, 'columns': 2}"));
	tasking_refuses("params.inner", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 1, 'columns': 1}"));
	tasking_refuses("params.rows", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 2049, 'inner': 2, 'columns': 1}"));
	tasking_refuses("params.columns", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': " THREE_FOUR ", "
		"'rows': 1, 'inner': 2, 'columns': 0}"));
	tasking_refuses("params.b", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': " HEAVING_ONE_TWO ", 'b': [[3], [4]], "
		"'rows': 1, 'inner': 2, 'columns': 1}"));
	/* infinity */
	tasking_refuses("params.a[0][0]", HEAVING,
	    HEAVING_RUN("matrix-multiply",
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
		tasking_refuses(bad[i].field, HEAVING,
		    HEAVING_RUN("matrix-multiply", "{'a': %s, 'b': %s}"),
		    bad[i].a, bad[i].b);
	tasking_refuses("params.rows", HEAVING,
	    HEAVING_RUN("matrix-multiply",
		"{'a': [[1]], 'b': [[1]], 'rows': 1}"));
	tasking_refuses("params.b", HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': []}"));
}

static void
test_matrix_limits(void **state)
{
	char *column = heaving_many("[1]", 1001),
	     *row = heaving_many("1", 1001);
	char *longer = heaving_many("1", 2049),
	     *taller = heaving_many("[1]", 2049);
	const struct fault *f;

	f = tasking_fails(HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': %s, 'b': [%s]}"), column,
	    row);
	assert_int_equal(f->code, CODE_TOO_LARGE);
	tasking_assert_contains(f->message, "bytes");
	tasking_assert_contains(f->message, "1003002 values");
	tasking_assert_contains(f->message, "at most 999000");
	assert_int_equal(tasking_detail_number(f, "limit"), 999000);
	tasking_refuses("params.b[0]", HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': [[1]], 'b': [%s]}"), longer);
	tasking_refuses("params.a", HEAVING,
	    HEAVING_RUN("matrix-multiply", "{'a': %s, 'b': [[1]]}"), taller);
	free(column);
	free(row);
	free(longer);
	free(taller);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matrix),
	    cmocka_unit_test(test_matrix_bytes),
	    cmocka_unit_test(test_matrix_refusals),
	    cmocka_unit_test(test_matrix_limits),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
