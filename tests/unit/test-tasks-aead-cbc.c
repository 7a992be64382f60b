/* crypto:decrypt of AES-256-CBC, as the ancestor wrote it. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/*
 * NIST SP 800-38A, F.2.5 (CBC-AES256.Encrypt). The standard's message has no
 * padding: the last block is one of PKCS#7, as `openssl enc` makes it.
 */
#define KEY "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define IV "000102030405060708090a0b0c0d0e0f"
#define SEALED                                                             \
	"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" \
	"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
#define PADDING "3f461796d6b0d6b2e0c2a72b4d80e644"
#define PLAIN                                                              \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

/*
 * "grüß" under 32 letters a to z and 0 to 5, made with `openssl enc
 * -aes-256-cbc`.
 */
#define LETTERS "abcdefghijklmnopqrstuvwxyz012345"
#define LETTERS_HEX \
	"6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435"
#define GREETING \
	"101112131415161718191a1b1c1d1e1f:b9d9834198208dbf25e0769628f0adbf"

#define ALGORITHM "'algorithm': 'aes-256-cbc'"

static void
assert_plain(const msgpack_object *value)
{
	uint8_t plain[64];

	sodium_hex2bin(plain, sizeof plain, PLAIN, strlen(PLAIN), NULL, NULL,
	    NULL);
	tasking_assert_bin(value, plain, sizeof plain);
}

static const struct fault *
fails(const char *data, const char *key)
{
	const struct fault *f = tasking_fails("crypto:decrypt",
	    "{'data': '%s', 'key': '%s', " ALGORITHM "}", data, key);

	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
	return f;
}

/* What is no UTF-8 comes as bytes. */
static void
test_nist(void **state)
{
	assert_plain(tasking_ok("crypto:decrypt",
	    "{'data': '" IV ":" SEALED PADDING "', 'key': '" KEY "', " ALGORITHM
	    "}"));
}

/* Bare hex, with the IV in each of its spellings. */
static void
test_iv_in_a_field(void **state)
{
	static const char *const ivs[] = {"'" IV "'", "{'$bin': '" IV "'}"};

	for (size_t i = 0; i < 2; i++)
		assert_plain(tasking_ok("crypto:decrypt",
		    "{'data': '" SEALED PADDING "', 'key': '" KEY
		    "', 'iv': %s, " ALGORITHM "}",
		    ivs[i]));
	/* 16 characters are the IV themselves; only the first block differs */
	assert_int_equal(tasking_ok("crypto:decrypt",
			     "{'data': '" SEALED PADDING "', 'key': '" KEY
			     "', 'iv': '0123456789abcdef', " ALGORITHM "}")
			     ->via.bin.size,
	    64);
}

/* A key is 32 bytes, a string of 32 bytes, or 64 digits of either case. */
static void
test_text(void **state)
{
	static const char *const keys[] = {"'" LETTERS "'",
	    "{'$bin': '" LETTERS_HEX "'}", "'" LETTERS_HEX "'",
	    ("'6162636465666768696A6B6C6D6E6F707172737475767778797A303132333435"
	     "'")};

	for (size_t i = 0; i < 4; i++)
		tasking_assert_str(tasking_ok("crypto:decrypt",
				       "{'data': '" GREETING
				       "', 'key': %s, " ALGORITHM "}",
				       keys[i]),
		    "gr\xc3\xbc\xc3\x9f");
}

/* A wrong key and wrong padding are one answer, word for word. */
static void
test_no_difference(void **state)
{
	char first[FAULT_MESSAGE];

	snprintf(first, sizeof first, "%s",
	    fails(GREETING, "abcdefghijklmnopqrstuvwxyz012346")->message);
	tasking_assert_contains(first, "wrong key or changed data");
	assert_string_equal(fails(IV ":" SEALED, KEY)->message, first);
	assert_string_equal(fails(IV ":00000000000000000000000000000000", KEY)
				->message,
	    first);
}

/* What has not the form; never is something read as an IV of zeros. */
static void
test_form(void **state)
{
	static const char *const cases[] = {":", IV ":", IV ":00",
	    IV ":" PADDING "0", IV ":" PADDING "00", "00:" PADDING,
	    IV "0:" PADDING, IV ":" IV ":" PADDING,
	    "0001020304050607 8090a0b0c0d0e0f:" PADDING,
	    IV ":zf461796d6b0d6b2e0c2a72b4d80e644", " " IV ":" PADDING,
	    IV ":" PADDING " ", IV "::" PADDING, ":" PADDING};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_assert_contains(fails(cases[i], KEY)->message,
		    "hex digits of whole blocks");
	tasking_assert_contains(tasking_refuses("iv", "crypto:decrypt",
				    "{'data': '" SEALED PADDING
				    "', 'key': '" KEY "', " ALGORITHM "}")
				    ->message,
	    "iv is missing");
	tasking_refuses("iv", "crypto:decrypt",
	    "{'data': '', 'key': '" KEY "', " ALGORITHM "}");
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *field, *more;
	} cases[] = {
	    {"aad", "'aad': 'x'"},
	    {"kdf", "'kdf': 'argon2id'"},
	    {"iv", "'iv': '" IV "'"}, /* they have one */
	    {"encoding", "'encoding': 'bin'"},
	};
	static const char *const ivs[] = {"''", "'00'", "{'$bin': '00'}", "5",
	    "'zz0102030405060708090a0b0c0d0e0f'"};
	static const char *const keys[] = {"'short'",
	    "'a secret of 24 letters..'", "{'$bin': '00'}",
	    ("'zz3deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
	     "'")};

	for (size_t i = 0; i < 4; i++)
		tasking_refuses(cases[i].field, "crypto:decrypt",
		    "{'data': '" IV ":" SEALED PADDING "', 'key': '" KEY
		    "', %s, " ALGORITHM "}",
		    cases[i].more);
	for (size_t i = 0; i < 5; i++)
		tasking_refuses("iv", "crypto:decrypt",
		    "{'data': '" SEALED PADDING "', 'key': '" KEY
		    "', 'iv': %s, " ALGORITHM "}",
		    ivs[i]);
	for (size_t i = 0; i < 4; i++)
		tasking_refuses("key", "crypto:decrypt",
		    "{'data': '" IV ":" SEALED PADDING
		    "', 'key': %s, " ALGORITHM "}",
		    keys[i]);
}

/* It is read, never written; and never guessed. */
static void
test_only_when_asked(void **state)
{
	const struct fault *f = tasking_refuses("algorithm", "crypto:encrypt",
	    "{'data': 'x', 'key': '" KEY "', " ALGORITHM "}");

	tasking_assert_contains(f->message, "read-only algorithm "
					    "\"aes-256-cbc\"");
	f = tasking_fails("crypto:decrypt",
	    "{'data': '" IV ":" SEALED PADDING "', 'key': '" KEY "'}");
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	tasking_assert_contains(f->message, "not an envelope");
	tasking_refuses("iv", "crypto:decrypt",
	    "{'data': 'moro1s.AAAA', 'key': '" KEY "', 'iv': '" IV "'}");
}

/* The limit of results holds for plaintext. */
static void
test_result_too_large(void **state)
{
	static const char sealed[] = IV ":" SEALED PADDING;
	msgpack_object_kv kv[3] = {
	    {tasking_str("data", 4), tasking_str(sealed, strlen(sealed))},
	    {tasking_str("key", 3), tasking_str(KEY, strlen(KEY))},
	    {tasking_str("algorithm", 9), tasking_str("aes-256-cbc", 11)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {3, kv}};

	assert_int_equal(tasking_run("crypto:decrypt", &data, 65), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_run("crypto:decrypt", &data, 66), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nist),
	    cmocka_unit_test(test_iv_in_a_field),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_no_difference),
	    cmocka_unit_test(test_form),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_only_when_asked),
	    cmocka_unit_test(test_result_too_large),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
