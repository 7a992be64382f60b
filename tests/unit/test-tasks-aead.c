/* crypto:encrypt and crypto:decrypt: round trips, and every way to fail. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define KEY "a long secret string"
#define OTHER_KEY "another secret string"
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Encrypts JSON data; the text is good for three more. */
static const char *
encrypt(const char *data, const char *key)
{
	return tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': %s, 'key': '%s'}", data, key));
}

/* Decryption must fail with WORKER_ERROR, reason failed. */
static void
decrypt_fails(const char *text, const char *key)
{
	const struct fault *f = tasking_fails("crypto:decrypt",
	    "{'data': '%s', 'key': '%s'}", text, key);

	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
	assert_true(strlen(f->message) > 10);
}

static void
test_string_comes_back(void **state)
{
	const char *text = encrypt("'hello'", KEY);

	assert_memory_equal(text, "moro1s.", 7);
	assert_null(strstr(text, "hello"));
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s'}", text, KEY),
	    "hello");
}

static void
test_bytes_come_back(void **state)
{
	const char *text = encrypt("{'$bin': '00ff80'}", KEY);

	assert_memory_equal(text, "moro1b.", 7);
	tasking_assert_bin(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s'}", text, KEY),
	    "\x00\xff\x80", 3);
}

static void
test_empty(void **state)
{
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s'}",
			       encrypt("''", KEY), KEY),
	    "");
	tasking_assert_bin(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s'}",
			       encrypt("{'$bin': ''}", KEY), KEY),
	    "", 0);
}

/* 64 hex digits and the 32 bytes they spell are one key. */
static void
test_key_spellings(void **state)
{
	const char *text = encrypt("'hello'", HEX);

	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': {'$bin': '%s'}}", text,
			       HEX),
	    "hello");
}

/* The envelope is XChaCha20-Poly1305 as libsodium alone can open it. */
static void
test_envelope_format(void **state)
{
	const char *text = tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '%s', 'aad': 'more'}", HEX));
	uint8_t raw[256], plain[256], key[32];
	unsigned long long n;
	size_t len;

	sodium_hex2bin(key, 32, HEX, 64, NULL, NULL, NULL);
	assert_int_equal(sodium_base642bin(raw, sizeof raw, text + 7,
			     strlen(text + 7), NULL, &len, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(len, 24 + 5 + 16);
	assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n,
			     NULL, raw + 24, len - 24,
			     (const uint8_t *)"moro1s.more", 11, raw, key),
	    0);
	assert_int_equal(n, 5);
	assert_memory_equal(plain, "hello", 5);
}

/* The same twice gives two envelopes. */
static void
test_nonce_is_random(void **state)
{
	const char *one = encrypt("'hello'", KEY);
	const char *two = encrypt("'hello'", KEY);

	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), strlen(two));
}

static void
test_aad(void **state)
{
	const char *text = tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '%s', 'aad': 'user 7'}", KEY));

	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s', 'aad': 'user 7'}",
			       text, KEY),
	    "hello");
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '%s', 'aad': {'$bin': "
			       "'757365722037'}}",
			       text, KEY),
	    "hello");
	tasking_fails("crypto:decrypt",
	    "{'data': '%s', 'key': '%s', 'aad': 'user 8'}", text, KEY);
	decrypt_fails(text, KEY);
}

static void
test_wrong_key(void **state)
{
	decrypt_fails(encrypt("'hello'", KEY), OTHER_KEY);
}

/* Every bit of the envelope counts, those of its head too. */
static void
test_every_bit(void **state)
{
	char *text = strdup(encrypt("'hello'", KEY));
	size_t len = strlen(text);
	msgpack_object_kv kv[2] = {
	    {tasking_str("data", 4), tasking_str(text, len)},
	    {tasking_str("key", 3), tasking_str(KEY, strlen(KEY))},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	for (size_t bit = 0; bit < 8 * len; bit++) {
		text[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(tasking_run("crypto:decrypt", &data,
				     TASKING_RESULT_MAX),
		    -1);
		assert_int_equal(tasking_fault()->code, CODE_WORKER_ERROR);
		text[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(tasking_run("crypto:decrypt", &data,
			     TASKING_RESULT_MAX),
	    0);
	free(text);
}

static void
test_every_cut(void **state)
{
	const char *text = encrypt("'hello'", KEY);

	for (size_t i = 0; i < strlen(text); i++) {
		const struct fault *f = tasking_fails("crypto:decrypt",
		    "{'data': '%.*s', 'key': '%s'}", (int)i, text, KEY);

		assert_int_equal(f->code, CODE_WORKER_ERROR);
	}
}

static void
test_malformed(void **state)
{
	const char *text = encrypt("'hello'", KEY);
	char longer[256];

	decrypt_fails("", KEY);
	decrypt_fails("hello", KEY);
	decrypt_fails("moro1s.", KEY);
	decrypt_fails("moro1s.!!!!", KEY);
	decrypt_fails("moro2s.AAAA", KEY);
	snprintf(longer, sizeof longer, "%s=", text);
	decrypt_fails(longer, KEY);
	snprintf(longer, sizeof longer, "%sA", text);
	decrypt_fails(longer, KEY);
	snprintf(longer, sizeof longer, " %s", text);
	decrypt_fails(longer, KEY);
	snprintf(longer, sizeof longer, "moro1b.%s", text + 7);
	decrypt_fails(longer, KEY);
}

static void
test_keys_refused(void **state)
{
	static const char *const keys[] = {"'short'", "''", "'fifteen bytes..'",
	    "{'$bin': '00'}", "{'$bin': ''}"};
	const char *text = encrypt("'hello'", KEY);
	const struct fault *f;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		f = tasking_refuses("key", "crypto:encrypt",
		    "{'data': 'x', 'key': %s}", keys[i]);
		tasking_assert_contains(f->message, "64 hex digits");
		tasking_refuses("key", "crypto:decrypt",
		    "{'data': '%s', 'key': %s}", text, keys[i]);
	}
	/* what is no key at all is told before what is no envelope */
	tasking_refuses("key", "crypto:decrypt", "{'data': 'x', 'key': '7'}");
	/* the key's own bytes are in no message */
	f = tasking_refuses("key", "crypto:encrypt",
	    "{'data': 'x', 'key': 'psst'}");
	assert_null(strstr(f->message, "psst"));
}

static void
test_refusals(void **state)
{
	static const char *const types[] = {"crypto:encrypt", "crypto:decrypt"};

	for (size_t i = 0; i < 2; i++) {
		tasking_refuses("data", types[i], "{'key': '%s'}", KEY);
		tasking_refuses("key", types[i], "{'data': 'x'}");
		tasking_refuses("key", types[i], "{'data': 'x', 'key': 5}");
		tasking_refuses("data", types[i], "{'data': {}, 'key': '%s'}",
		    KEY);
		tasking_refuses("aad", types[i],
		    "{'data': 'x', 'key': '%s', 'aad': 1}", KEY);
		tasking_refuses("nonce", types[i],
		    "{'data': 'x', 'key': '%s', 'nonce': 'n'}", KEY);
	}
}

/* An envelope that no answer can hold is refused before the work. */
static void
test_result_too_large(void **state)
{
	msgpack_object_kv kv[2] = {
	    {tasking_str("data", 4), tasking_str(HEX, 64)},
	    {tasking_str("key", 3), tasking_str(HEX, 64)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	assert_int_equal(tasking_run("crypto:encrypt", &data, 100), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"), 100);
	assert_int_equal(tasking_run("crypto:encrypt", &data, 200), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_string_comes_back),
	    cmocka_unit_test(test_bytes_come_back),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_key_spellings),
	    cmocka_unit_test(test_envelope_format),
	    cmocka_unit_test(test_nonce_is_random),
	    cmocka_unit_test(test_aad),
	    cmocka_unit_test(test_wrong_key),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_keys_refused),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_result_too_large),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
