/* The output buffer: growth, its limit, wiping. */

#include "tests/unit/tasking.h"

#include <string.h>

#include "worker/output.h"

static void
test_grows(void **state)
{
	struct output out;

	output_init(&out, 1 << 20);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(output_write(&out, "abcdefgh", 8), 0);
	assert_int_equal(out.len, 800000);
	assert_true(out.cap >= out.len && out.cap <= (size_t)1 << 20);
	for (size_t i = 0; i < out.len; i += 8)
		assert_memory_equal(out.bytes + i, "abcdefgh", 8);
	output_clear(&out);
	assert_null(out.bytes);
}

static void
test_limit(void **state)
{
	struct output out;

	output_init(&out, 10);
	assert_int_equal(output_write(&out, "0123456789", 10), 0);
	assert_int_equal(output_write(&out, "", 0), 0);
	assert_false(out.failed);
	assert_int_equal(output_write(&out, "x", 1), -1);
	assert_true(out.failed && out.full);
	assert_null(output_room(&out, SIZE_MAX));
	assert_null(output_room(&out, SIZE_MAX - 5));
	output_wipe(&out);
	assert_false(out.failed || out.full);
	assert_int_equal(out.len, 0);
	assert_non_null(output_room(&out, 10));
	assert_null(output_room(&out, 11));
	output_clear(&out);
}

/* Room that is asked for again, larger, still has its bytes. */
static void
test_room_keeps(void **state)
{
	struct output out;
	uint8_t *room;

	for (int secret = 0; secret < 2; secret++) {
		output_init(&out, 1 << 20);
		out.secret = secret != 0;
		output_write(&out, "head", 4);
		room = output_room(&out, 100);
		memcpy(room, "room", 4);
		room = output_room(&out, 500000);
		assert_memory_equal(room, "room", 4);
		assert_memory_equal(out.bytes, "head", 4);
		assert_int_equal(out.len, 4);
		output_clear(&out);
	}
}

static void
test_wipe(void **state)
{
	struct output out;

	output_init(&out, 100);
	output_write(&out, "public", 6);
	output_wipe(&out);
	assert_memory_equal(out.bytes, "public", 6);
	out.secret = true;
	output_write(&out, "secret", 6);
	output_wipe(&out);
	assert_memory_equal(out.bytes, "\0\0\0\0\0\0", 6);
	assert_false(out.secret);
	output_clear(&out);
	output_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grows),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_room_keeps),
	    cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
