/* Numbers for people: short, with a unit, and never misleading. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/view.h"

static char out[VIEW_TEXT];

static void
test_times(void **state)
{
	static const struct {
		double us;
		const char *words;
	} rows[] = {
	    {0, "0us"},
	    {0.0625, "0.06us"},
	    {9.994, "9.99us"},
	    {9.996, "10.0us"},
	    {99.96, "100us"},
	    {999.4, "999us"},
	    {999.6, "1.00ms"},
	    {1000, "1.00ms"},
	    {59999, "60.0ms"},
	    {999600, "1.00s"},
	    {12500000, "12.5s"},
	    {999400000, "999s"},
	    {1000000000, "16m40s"},
	    {3599000000, "59m59s"},
	    {3600000000, "1h00m"},
	    {90000000000, "1d01h"},
	    {9e12, "104d"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_string_equal(view_us(out, rows[i].us), rows[i].words);
		assert_true(strlen(out) <= 6);
	}
}

static void
test_sizes(void **state)
{
	assert_string_equal(view_size(out, 0), "0");
	assert_string_equal(view_size(out, 999), "999");
	assert_string_equal(view_size(out, 1000), "0.98K");
	assert_string_equal(view_size(out, 1024), "1.00K");
	assert_string_equal(view_size(out, 1536), "1.50K");
	assert_string_equal(view_size(out, (uint64_t)100 << 20), "100M");
	assert_string_equal(view_size(out, UINT64_MAX), "16.0E");
	assert_string_equal(view_count(out, 999999), "999999");
	assert_string_equal(view_count(out, 1000000), "1.00M");
	assert_string_equal(view_count(out, 12345678), "12.3M");
	assert_string_equal(view_count(out, UINT64_MAX), "18.4E");
}

/* What others wrote cannot move the cursor, and has its columns. */
static void
test_texts(void **state)
{
	msgpack_object_kv kv = {
	    .key = {.type = MSGPACK_OBJECT_STR, .via.str = {4, "name"}},
	    .val = {.type = MSGPACK_OBJECT_STR,
		.via.str = {9, "a\x1b[2J\nb\xff!"}},
	};
	msgpack_object map = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, &kv}};

	view_text(out, &map, "name");
	for (const char *at = out; *at != '\0'; at++)
		assert_true(*at >= ' ' && *at < 0x7f);
	assert_string_equal(view_text(out, &map, "other"), "-");
	assert_int_equal(strlen(view_fit(out, &map, "name", 20)), 20);
	assert_string_equal(view_fit(out, &map, "other", 3), "-  ");
	kv.val.via.str.ptr = "n\xc3\xa4hernd!"; /* nine bytes, eight columns */
	assert_string_equal(view_fit(out, &map, "name", 10),
	    "n\xc3\xa4hernd!  ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
