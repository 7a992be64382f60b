/* crypto:random, crypto:keygen: shapes, limits, keys that work. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define RANDOM "crypto:random"
#define KEYGEN "crypto:keygen"

static void
test_random_lengths(void **state)
{
	assert_int_equal(tasking_ok(RANDOM, "{}")->via.str.size, 64);
	assert_int_equal(tasking_ok(RANDOM, "{'length': 1}")->via.str.size, 2);
	assert_int_equal(tasking_ok(RANDOM, "{'length': 1048576}")
			     ->via.str.size,
	    2097152);
	assert_int_equal(tasking_ok(RANDOM,
			     "{'length': 1048576, 'encoding': 'base64'}")
			     ->via.str.size,
	    1398104);
	assert_int_equal(tasking_ok(RANDOM,
			     "{'length': 16, 'encoding': 'base64url'}")
			     ->via.str.size,
	    22);
	assert_int_equal(tasking_ok(RANDOM, "{'length': 33, 'encoding': 'bin'}")
			     ->type,
	    MSGPACK_OBJECT_BIN);
	assert_int_equal(tasking_result()->via.bin.size, 33);
}

/* Two results differ, and no half of one stays as it was made. */
static void
test_random_is_random(void **state)
{
	static uint8_t first[1 << 20];
	const msgpack_object *r;
	size_t same = 0, zeros = 0;

	r = tasking_ok(RANDOM, "{'length': 1048576, 'encoding': 'bin'}");
	memcpy(first, r->via.bin.ptr, sizeof first);
	r = tasking_ok(RANDOM, "{'length': 1048576, 'encoding': 'bin'}");
	for (size_t i = 0; i < sizeof first; i++) {
		same += first[i] == (uint8_t)r->via.bin.ptr[i] ? 1 : 0;
		zeros += r->via.bin.ptr[i] == 0 ? 1 : 0;
	}
	/* 4096 of each are expected, and 64 is the standard deviation */
	assert_in_range(same, 3500, 4700);
	assert_in_range(zeros, 3500, 4700);
}

static void
test_random_refusals(void **state)
{
	const msgpack_object_kv none = {.key = tasking_str("length", 6)};
	msgpack_object_kv kv = none;
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, &kv}};

	tasking_refuses("length", RANDOM, "{'length': 0}");
	tasking_refuses("length", RANDOM, "{'length': -1}");
	tasking_refuses("length", RANDOM, "{'length': 1048577}");
	tasking_refuses("length", RANDOM, "{'length': '32'}");
	tasking_refuses("encoding", RANDOM, "{'encoding': 'uuid'}");
	tasking_refuses("bytes", RANDOM, "{'bytes': 5}");
	/* the limit of results is exact */
	kv.val.type = MSGPACK_OBJECT_POSITIVE_INTEGER;
	kv.val.via.u64 = 100;
	assert_int_equal(tasking_run(RANDOM, &data, 202), 0);
	assert_int_equal(tasking_run(RANDOM, &data, 201), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
}

static void
test_secret(void **state)
{
	char key[65];

	memcpy(key, tasking_ok(KEYGEN, "{}")->via.str.ptr, 64);
	assert_int_equal(tasking_result()->via.str.size, 64);
	key[64] = '\0';
	assert_int_equal(strspn(key, "0123456789abcdef"), 64);
	assert_memory_not_equal(tasking_ok(KEYGEN, "{'type': 'secret'}")
				    ->via.str.ptr,
	    key, 64);
	tasking_ok("crypto:encrypt", "{'data': 'x', 'key': '%s'}", key);
	assert_int_equal(tasking_ok(KEYGEN, "{'encoding': 'bin'}")
			     ->via.bin.size,
	    32);
}

/* Reads a PEM back; which of the two kinds it is, is told by its head. */
static EVP_PKEY *
read_pem(const msgpack_object *pem, const char *head, bool is_private)
{
	BIO *in = BIO_new_mem_buf(pem->via.str.ptr, (int)pem->via.str.size);
	EVP_PKEY *key = is_private
			    ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL)
			    : PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);

	assert_memory_equal(pem->via.str.ptr, head, strlen(head));
	assert_int_equal(pem->via.str.ptr[pem->via.str.size - 1], '\n');
	assert_non_null(key);
	BIO_free(in);
	return key;
}

/* The pair of the result: a kind, of so many bits, that belong together. */
static void
check_pair(const char *kind, int bits, const char *curve)
{
	const msgpack_object *r = tasking_result();
	EVP_PKEY *private = read_pem(tasking_get(r, "privateKey"),
	    "-----BEGIN PRIVATE KEY-----\n", true);
	EVP_PKEY *public = read_pem(tasking_get(r, "publicKey"),
	    "-----BEGIN PUBLIC KEY-----\n", false);
	char group[32];

	assert_int_equal(r->via.map.size, 2);
	assert_int_equal(EVP_PKEY_is_a(private, kind), 1);
	assert_int_equal(EVP_PKEY_get_bits(private), bits);
	assert_int_equal(EVP_PKEY_eq(private, public), 1);
	if (curve != NULL) {
		assert_int_equal(EVP_PKEY_get_group_name(private, group,
				     sizeof group, NULL),
		    1);
		assert_string_equal(group, curve);
	}
	EVP_PKEY_free(private);
	EVP_PKEY_free(public);
}

static void
test_ec(void **state)
{
	tasking_ok(KEYGEN, "{'type': 'ec'}");
	check_pair("EC", 256, "prime256v1");
	tasking_ok(KEYGEN, "{'type': 'ec', 'curve': 'P-384'}");
	check_pair("EC", 384, "secp384r1");
	tasking_ok(KEYGEN, "{'type': 'ec', 'curve': 'P-521'}");
	check_pair("EC", 521, "secp521r1");
}

static void
test_rsa(void **state)
{
	tasking_ok(KEYGEN, "{'type': 'rsa', 'bits': 2048}");
	check_pair("RSA", 2048, NULL);
	tasking_ok(KEYGEN, "{'type': 'rsa', 'bits': 2056}");
	check_pair("RSA", 2056, NULL);
	tasking_ok(KEYGEN, "{'type': 'rsa'}");
	check_pair("RSA", 3072, NULL);
}

static void
test_keygen_refusals(void **state)
{
	const struct fault *f;

	f = tasking_refuses("type", KEYGEN, "{'type': 'dsa'}");
	tasking_assert_contains(f->message, "Unknown type of key \"dsa\"");
	tasking_refuses("bits", KEYGEN, "{'type': 'rsa', 'bits': 2040}");
	tasking_refuses("bits", KEYGEN, "{'type': 'rsa', 'bits': 4104}");
	f = tasking_refuses("bits", KEYGEN, "{'type': 'rsa', 'bits': 2049}");
	tasking_assert_contains(f->message, "multiple of 8, not 2049");
	tasking_refuses("curve", KEYGEN, "{'type': 'ec', 'curve': 'P-192'}");
	f = tasking_refuses("bits", KEYGEN, "{'type': 'ec', 'bits': 2048}");
	tasking_assert_contains(f->message, "bits goes with type rsa");
	tasking_refuses("bits", KEYGEN, "{'bits': 2048}");
	tasking_refuses("curve", KEYGEN, "{'type': 'rsa', 'curve': 'P-256'}");
	tasking_refuses("encoding", KEYGEN,
	    "{'type': 'rsa', 'encoding': 'hex'}");
	tasking_refuses("encoding", KEYGEN, "{'encoding': 'pem'}");
	tasking_refuses("size", KEYGEN, "{'size': 1}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_lengths),
	    cmocka_unit_test(test_random_is_random),
	    cmocka_unit_test(test_random_refusals),
	    cmocka_unit_test(test_secret),
	    cmocka_unit_test(test_ec),
	    cmocka_unit_test(test_rsa),
	    cmocka_unit_test(test_keygen_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
