/* Keys of crypto:encrypt: which value is which key. */

#include "tests/unit/tasking.h"

#include <string.h>

#include "worker/tasks/key.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static const uint8_t raw[KEY_LEN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/*
 * BLAKE2b-256 of "a long secret string" with the purpose as its personal
 * bytes, made with Python's hashlib.
 */
static const char secret_hex[] =
    "0ec8192fe8406742412a12d90f993a2179c4739303a3a9d286ab511f208918e1";

static void
test_raw(void **state)
{
	msgpack_object bin = tasking_bin(raw, sizeof raw);
	uint8_t key[KEY_LEN] = {0xff};

	assert_int_equal(key_parse(&bin, key), 0);
	assert_memory_equal(key, raw, KEY_LEN);
}

static void
test_hex(void **state)
{
	msgpack_object str = tasking_str(HEX, strlen(HEX));
	uint8_t key[KEY_LEN] = {0xff};

	assert_int_equal(key_parse(&str, key), 0);
	assert_memory_equal(key, raw, KEY_LEN);
}

static void
test_secret(void **state)
{
	static const char secret[] = "a long secret string";
	msgpack_object str = tasking_str(secret, strlen(secret));
	char hex[2 * KEY_LEN + 1] = "";
	uint8_t key[KEY_LEN];

	assert_int_equal(key_parse(&str, key), 0);
	for (size_t i = 0; i < KEY_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	assert_string_equal(hex, secret_hex);
}

/* 32 characters are a secret, not a key: a string is never raw bytes. */
static void
test_string_is_never_raw(void **state)
{
	msgpack_object str = tasking_str(raw, sizeof raw);
	uint8_t key[KEY_LEN];

	assert_int_equal(key_parse(&str, key), 0);
	assert_memory_not_equal(key, raw, KEY_LEN);
}

/* One digit off, and it is a secret of 64 or 63 bytes. */
static void
test_nearly_hex(void **state)
{
	char text[] = HEX;
	msgpack_object str = tasking_str(text, strlen(text));
	uint8_t key[KEY_LEN];

	text[63] = 'g';
	assert_int_equal(key_parse(&str, key), 0);
	assert_memory_not_equal(key, raw, KEY_LEN);
	str.via.str.size--;
	assert_int_equal(key_parse(&str, key), 0);
	assert_memory_not_equal(key, raw, KEY_LEN);
}

static void
test_lengths(void **state)
{
	static char text[KEY_SECRET_MAX + 1];
	static const struct {
		bool is_str;
		size_t len;
		int rc;
	} cases[] = {
	    {true, 0, -1},
	    {true, KEY_SECRET_MIN - 1, -1},
	    {true, KEY_SECRET_MIN, 0},
	    {true, KEY_SECRET_MAX, 0},
	    {true, KEY_SECRET_MAX + 1, -1},
	    {false, 0, -1},
	    {false, KEY_LEN - 1, -1},
	    {false, KEY_LEN, 0},
	    {false, KEY_LEN + 1, -1},
	    {false, 64, -1},
	};
	static const uint8_t zero[KEY_LEN];
	uint8_t key[KEY_LEN];

	memset(text, '7', sizeof text);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		msgpack_object o = cases[i].is_str
				       ? tasking_str(text, cases[i].len)
				       : tasking_bin(text, cases[i].len);

		memset(key, 0xee, sizeof key);
		assert_int_equal(key_parse(&o, key), cases[i].rc);
		if (cases[i].rc < 0)
			assert_memory_equal(key, zero, KEY_LEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_hex),
	    cmocka_unit_test(test_secret),
	    cmocka_unit_test(test_string_is_never_raw),
	    cmocka_unit_test(test_nearly_hex),
	    cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
