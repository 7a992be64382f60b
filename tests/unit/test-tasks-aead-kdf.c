/* crypto:encrypt with kdf: passphrases, and what an envelope may ask for. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define PASS "eight by"
#define CHEAP "{'memory': 8388608, 'iterations': 1}"
#define HEAD "moro1ks."
#define BLOCK 56 /* bytes: iterations, KiB, salt, check */

/*
 * "hello" with aad "user 7" under PASS, 8 MiB, 1 iteration, AES-256-GCM: made
 * with argon2-cffi and Python's cryptography.
 */
#define FOREIGN                                                         \
	"moro1gks.AAAAAQAAIABgYWJjZGVmZ2hpamtsbW5vq84B_tE8v948nzpZd4Ci" \
	"uCFetPRs--pW6LaZzoOYFOtAQUJDREVGR0hJSkutdbRvJ4vO1YMEPhIOpXhz"  \
	"x1l-a4M"

static const char *
encrypt(const char *kdf)
{
	return tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '" PASS "', 'kdf': %s}", kdf));
}

static void
decrypts(const char *text, const char *more)
{
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '" PASS "'%s}", text,
			       more),
	    "hello");
}

static const struct fault *
decrypt_fails(const char *text, const char *key, const char *more)
{
	return tasking_fails("crypto:decrypt", "{'data': '%s', 'key': '%s'%s}",
	    text, key, more);
}

/* An envelope of cheap cost whose first numbers say something else. */
static const char *
asking(uint32_t iterations, uint32_t kib)
{
	static char text[512];
	uint8_t raw[BLOCK + 64] = {0};
	uint32_t numbers[] = {iterations, kib};

	for (size_t i = 0; i < 8; i++)
		raw[i] = (uint8_t)(numbers[i / 4] >> (24 - 8 * (i % 4)));
	strcpy(text, HEAD);
	sodium_bin2base64(text + strlen(HEAD), sizeof text - strlen(HEAD), raw,
	    sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return text;
}

/* The short form is interactive, as libsodium has it; the salt is random. */
static void
test_interactive(void **state)
{
	const char *one = encrypt("'argon2id'"), *two = encrypt("{}");
	uint8_t raw[256];
	size_t len;

	assert_memory_equal(one, HEAD, strlen(HEAD));
	assert_int_equal(sodium_base642bin(raw, sizeof raw, one + strlen(HEAD),
			     strlen(one + strlen(HEAD)), NULL, &len, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(len, BLOCK + 24 + 5 + 16);
	assert_memory_equal(raw, "\0\0\0\2\0\1\0\0", 8);
	assert_memory_not_equal(one + 19, two + 19, 21);
	decrypts(one, "");
	decrypts(two, ", 'kdf': 'argon2id'");
}

/* libsodium alone finds the key, and opens what was encrypted. */
static void
test_format(void **state)
{
	const char *text = encrypt(CHEAP);
	uint8_t raw[256], aad[8 + BLOCK], both[64], plain[8];
	unsigned long long n;
	size_t len;

	sodium_base642bin(raw, sizeof raw, text + 8, strlen(text + 8), NULL,
	    &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	assert_memory_equal(raw, "\0\0\0\1\0\0\x20\0", 8);
	assert_int_equal(crypto_pwhash_argon2id(both, 64, PASS, strlen(PASS),
			     raw + 8, 1, 8 << 20,
			     crypto_pwhash_argon2id_ALG_ARGON2ID13),
	    0);
	assert_memory_equal(raw + 24, both + 32, 32);
	memcpy(aad, HEAD, 8);
	memcpy(aad + 8, raw, BLOCK);
	assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n,
			     NULL, raw + BLOCK + 24, len - BLOCK - 24, aad,
			     sizeof aad, raw + BLOCK, both),
	    0);
	assert_int_equal(n, 5);
	assert_memory_equal(plain, "hello", 5);
}

/*
 * An envelope may be good under the key of a passphrase, tag and all, and still
 * not say that it is of this passphrase: then it is not opened.
 */
static void
test_check(void **state)
{
	uint8_t raw[BLOCK + 24 + 5 + 16] = {0, 0, 0, 1, 0, 0, 0x20, 0};
	uint8_t aad[8 + BLOCK], both[64], *nonce = raw + BLOCK;
	char text[256] = HEAD;

	assert_int_equal(crypto_pwhash_argon2id(both, 64, PASS, strlen(PASS),
			     raw + 8, 1, 8 << 20,
			     crypto_pwhash_argon2id_ALG_ARGON2ID13),
	    0);
	for (size_t wrong = 0; wrong < 2; wrong++) {
		memcpy(raw + 24, both + 32, 32);
		raw[BLOCK - 1] ^= (uint8_t)wrong;
		memcpy(aad, HEAD, 8);
		memcpy(aad + 8, raw, BLOCK);
		crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + 24, NULL,
		    (const uint8_t *)"hello", 5, aad, sizeof aad, NULL, nonce,
		    both);
		sodium_bin2base64(text + 8, sizeof text - 8, raw, sizeof raw,
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		if (!wrong)
			decrypts(text, "");
	}
	tasking_assert_contains(decrypt_fails(text, PASS, "")->message,
	    "wrong key");
}

static void
test_foreign(void **state)
{
	decrypts(FOREIGN, ", 'aad': 'user 7'");
	decrypt_fails(FOREIGN, PASS, "");
}

/* Bytes are a passphrase too, and 64 hex digits are one as they stand. */
static void
test_kinds_of_passphrase(void **state)
{
#define DIGITS \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	const char *text = encrypt(CHEAP);
	const char *other = tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '" DIGITS "', 'kdf': " CHEAP "}"));

	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', "
			       "'key': {'$bin': '6569676874206279'}}",
			       text),
	    "hello");
	tasking_assert_str(tasking_ok("crypto:decrypt",
			       "{'data': '%s', 'key': '" DIGITS "'}", other),
	    "hello");
	assert_int_equal(tasking_fails("crypto:decrypt",
			     "{'data': '%s', 'key': {'$bin': '" DIGITS "'}}",
			     other)
			     ->code,
	    CODE_WORKER_ERROR);
}

/* A wrong one and one of a key are no more than a wrong key. */
static void
test_wrong_passphrase(void **state)
{
	const char *text = encrypt(CHEAP);
	const struct fault *f = decrypt_fails(text, "eight bY", "");

	assert_int_equal(f->code, CODE_WORKER_ERROR);
	tasking_assert_contains(f->message, "wrong key, other aad, or");
}

static void
test_lengths_of_passphrase(void **state)
{
	static const char *const types[] = {"crypto:encrypt", "crypto:decrypt"};
	char longest[4098];
	const char *text = encrypt(CHEAP);
	const struct fault *f;

	memset(longest, 'x', sizeof longest);
	longest[4097] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const char *data = i == 0 ? "hello" : text;
		const char *kdf = CHEAP;

		f = tasking_refuses("key", types[i],
		    "{'data': '%s', 'key': 'seven b', 'kdf': %s}", data, kdf);
		tasking_assert_contains(f->message, "8 to 4096 bytes");
		tasking_refuses("key", types[i],
		    "{'data': '%s', 'key': '%s', 'kdf': %s}", data, longest,
		    kdf);
	}
	longest[4096] = '\0';
	tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '%s', 'kdf': " CHEAP "}", longest);
}

/* Without kdf the rule for secrets is the old one. */
static void
test_no_kdf(void **state)
{
	const char *text = tasking_text(tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': 'a long secret string'}"));
	const struct fault *f;

	tasking_refuses("key", "crypto:encrypt",
	    "{'data': 'hello', 'key': '" PASS "'}");
	tasking_refuses("key", "crypto:decrypt",
	    "{'data': '%s', 'key': '" PASS "'}", text);
	f = tasking_fails("crypto:decrypt",
	    "{'data': '%s', 'key': 'a long secret string', "
	    "'kdf': 'argon2id'}",
	    text);
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	tasking_assert_contains(f->message, "not of a passphrase");
}

static void
test_fields(void **state)
{
	static const struct {
		const char *kdf, *field;
	} cases[] = {
	    {"'scrypt'", "kdf"},
	    {"''", "kdf"},
	    {"5", "kdf"},
	    {"null", "kdf"},
	    {"{'cost': 'free'}", "kdf.cost"},
	    {"{'algorithm': 'scrypt'}", "kdf.algorithm"},
	    {"{'memory': 8388607}", "kdf.memory"},
	    {"{'memory': 1073741825}", "kdf.memory"},
	    {"{'memory': '8 MiB'}", "kdf.memory"},
	    {"{'iterations': 0}", "kdf.iterations"},
	    {"{'iterations': 65}", "kdf.iterations"},
	    {"{'memory': 1073741824, 'iterations': 5}", "kdf"},
	    {"{'salt': 'x'}", "kdf.salt"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		tasking_refuses(cases[i].field, "crypto:encrypt",
		    "{'data': 'x', 'key': '" PASS "', 'kdf': %s}",
		    cases[i].kdf);
		tasking_refuses(cases[i].field, "crypto:decrypt",
		    "{'data': '" FOREIGN "', 'key': '" PASS "', 'kdf': %s}",
		    cases[i].kdf);
	}
	tasking_ok("crypto:encrypt",
	    "{'data': 'x', 'key': '" PASS "', 'kdf': {'algorithm': "
	    "'argon2id', 'memory': 8389000, 'iterations': 64}}");
}

/* What an envelope asks for is looked at before any work is done. */
static void
test_asks_too_much(void **state)
{
	static const struct {
		uint32_t iterations, kib;
		const char *kdf;
	} cases[] = {
	    /* by default: 256 MiB, and 3 times that in all */
	    {1, (256 << 10) + 1, ""},
	    {4, 256 << 10, ""},
	    {4, 1 << 20, ""},
	    {3, 256 << 10, ", 'kdf': {'cost': 'interactive'}"},
	    {3, 64 << 10, ", 'kdf': {'cost': 'interactive'}"},
	    {2, 8 << 10, ", 'kdf': " CHEAP},
	    {5, 1 << 20, ", 'kdf': {'cost': 'sensitive'}"},
	    {1, (1 << 20) + 1, ", 'kdf': {'cost': 'sensitive'}"},
	    {65, 8 << 10, ", 'kdf': {'cost': 'sensitive'}"},
	    {UINT32_MAX, UINT32_MAX, ", 'kdf': {'cost': 'sensitive'}"},
	    {UINT32_MAX, 8 << 10, ""},
	    {1, UINT32_MAX, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct fault *f =
		    decrypt_fails(asking(cases[i].iterations, cases[i].kib),
			PASS, cases[i].kdf);

		assert_int_equal(f->code, CODE_TOO_LARGE);
		assert_true(tasking_detail_number(f, "limit") >= 8 << 20);
		tasking_assert_contains(f->message, "kdf in the data");
	}
	assert_int_equal(tasking_detail_number(decrypt_fails(asking(4, 1 << 20),
						   PASS, ""),
			     "limit"),
	    256 << 20);
}

/* Less than encrypt ever writes is none of its envelopes. */
static void
test_asks_too_little(void **state)
{
	static const uint32_t cases[][2] = {{0, 8 << 10}, {1, (8 << 10) - 1},
	    {1, 0}, {0, 0}};

	for (size_t i = 0; i < 4; i++) {
		const struct fault *f =
		    decrypt_fails(asking(cases[i][0], cases[i][1]), PASS, "");

		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, "damaged");
	}
}

/* As much as is allowed is worked on: here, to find that it is forged. */
static void
test_asks_just_enough(void **state)
{
	tasking_assert_contains(decrypt_fails(asking(64, 8 << 10), PASS, "")
				    ->message,
	    "wrong key");
	tasking_assert_contains(decrypt_fails(asking(1, 8 << 10), PASS,
				    ", 'kdf': " CHEAP)
				    ->message,
	    "wrong key");
}

/* Each bit of the block counts: it is in the check, or in the tag. */
static void
test_every_byte(void **state)
{
	const msgpack_object *result = tasking_ok("crypto:encrypt",
	    "{'data': 'hello', 'key': '" PASS "', 'kdf': " CHEAP
	    ", 'encoding': 'bin'}");
	size_t len = result->via.bin.size;
	char *copy = malloc(len);
	msgpack_object_kv kv[2] = {
	    {tasking_str("data", 4), tasking_bin(copy, len)},
	    {tasking_str("key", 3), tasking_str(PASS, strlen(PASS))},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	memcpy(copy, result->via.bin.ptr, len);
	assert_memory_equal(copy, "moro1ks:", 8);
	for (size_t i = 0; i < len; i++) {
		copy[i] ^= 1;
		assert_int_equal(tasking_run("crypto:decrypt", &data, 1000),
		    -1);
		copy[i] ^= 1;
	}
	assert_int_equal(tasking_run("crypto:decrypt", &data, 1000), 0);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_interactive),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_kinds_of_passphrase),
	    cmocka_unit_test(test_wrong_passphrase),
	    cmocka_unit_test(test_lengths_of_passphrase),
	    cmocka_unit_test(test_no_kdf),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_asks_too_much),
	    cmocka_unit_test(test_asks_too_little),
	    cmocka_unit_test(test_asks_just_enough),
	    cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
