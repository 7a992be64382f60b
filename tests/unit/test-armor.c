/* Envelopes as text: what libsodium makes and reads, in pieces. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "worker/tasks/armor.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define LONG ((size_t)300000) /* bytes: several of what is coded at a time */
#define LONG_TEXT (LONG / 3 * 4 + 8)

static uint8_t bytes[LONG], back[LONG], made[LONG_TEXT];
static char text[LONG_TEXT];

/* Writes len bytes in pieces; returns the length of what came of it. */
static size_t
encode(size_t len, size_t piece, bool plain)
{
	struct armor_out out;

	armor_out_begin(&out, made, plain);
	for (size_t n, done = 0; done < len; done += n) {
		n = piece < len - done ? piece : len - done;
		armor_out_write(&out, bytes + done, n);
	}
	armor_out_end(&out);
	return (size_t)(out.to - made);
}

/* Reads what a text holds into back; -1: it is damaged. */
static long
decode(const void *from, size_t len, size_t piece, bool plain)
{
	struct armor_in in;
	size_t done = 0, want = plain ? len : armor_bytes_len(len);

	armor_in_begin(&in, from, len, plain);
	while (done < want) {
		size_t n = piece;
		const uint8_t *at = armor_in_next(&in, &n);

		if (at == NULL)
			return -1;
		assert_true(n > 0 && n <= piece && n <= want - done);
		memcpy(back + done, at, n);
		done += n;
	}
	return (long)done;
}

static void
both_ways(size_t len, size_t piece)
{
	size_t text_len;

	sodium_bin2base64(text, sizeof text, bytes, len, VARIANT);
	text_len = strlen(text);
	assert_int_equal(armor_text_len(len), text_len);
	assert_int_equal(armor_bytes_len(text_len), len);
	assert_int_equal(encode(len, piece, false), text_len);
	assert_memory_equal(made, text, text_len);
	assert_int_equal(decode(text, text_len, piece, false), len);
	assert_memory_equal(back, bytes, len);
}

static void
test_short(void **state)
{
	randombytes_buf(bytes, sizeof bytes);
	for (size_t len = 0; len < 200; len++) {
		for (size_t piece = 1; piece < 9; piece++)
			both_ways(len, piece);
	}
}

/* Lengths around those that are coded at a time. */
static void
test_long(void **state)
{
	randombytes_buf(bytes, sizeof bytes);
	for (size_t k = 1; k <= 3; k++) {
		for (size_t d = 0; d < 12; d++) {
			both_ways((k * 48 << 10) - 6 + d, 1000);
			both_ways((k * 48 << 10) - 6 + d, LONG);
		}
	}
	both_ways(LONG, 7777);
}

static void
test_plain(void **state)
{
	randombytes_buf(bytes, sizeof bytes);
	assert_int_equal(encode(1000, 7, true), 1000);
	assert_memory_equal(made, bytes, 1000);
	assert_int_equal(decode(bytes, LONG, 999, true), LONG);
	assert_memory_equal(back, bytes, LONG);
}

/* Every character that is none of base64url, at every place. */
static void
test_strict(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				       "mnopqrstuvwxyz0123456789-_";

	for (size_t len = 1; len < 40; len++) {
		size_t n = armor_text_len(len);

		memset(bytes, 0, len);
		sodium_bin2base64(text, sizeof text, bytes, len, VARIANT);
		for (size_t at = 0; at < n; at++) {
			char was = text[at];

			for (int c = 0; c < 256; c++) {
				text[at] = (char)c;
				if (c == 0 || strchr(alphabet, c) == NULL)
					assert_int_equal(decode(text, n, LONG,
							     false),
					    -1);
			}
			text[at] = was;
		}
		assert_int_equal(decode(text, n, LONG, false), len);
	}
}

/* No two texts stand for the same bytes: unused bits are zero. */
static void
test_unused_bits(void **state)
{
	assert_int_equal(decode("AAAAAA", 6, LONG, false), 4);
	assert_int_equal(decode("AAAAAB", 6, LONG, false), -1);
	assert_int_equal(decode("AAAAAP", 6, LONG, false), -1);
	assert_int_equal(decode("AAAAAAA", 7, LONG, false), 5);
	assert_int_equal(decode("AAAAAAB", 7, LONG, false), -1);
	assert_int_equal(decode("AAAAAAD", 7, LONG, false), -1);
}

/* Damage far behind what was given out already. */
static void
test_late_damage(void **state)
{
	size_t n;

	sodium_bin2base64(text, sizeof text, bytes, LONG, VARIANT);
	n = strlen(text);
	text[n - 1] = '=';
	assert_int_equal(decode(text, n, LONG, false), -1);
	text[n - 1] = 'A';
	text[100000] = '+';
	assert_int_equal(decode(text, n, LONG, false), -1);
}

/* One character too many is no text of anything. */
static void
test_lone_character(void **state)
{
	struct armor_in in;
	uint8_t one[1];

	armor_in_begin(&in, (const uint8_t *)"AAAAA", 5, false);
	assert_int_equal(armor_in_read(&in, one, 1), -1);
	armor_in_begin(&in, (const uint8_t *)"", 0, false);
	assert_int_equal(armor_in_read(&in, one, 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_unused_bits),
	    cmocka_unit_test(test_late_damage),
	    cmocka_unit_test(test_lone_character),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
