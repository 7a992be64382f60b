/* Keys in PEM that are refused: damaged, of another kind, too large. */

#include "tests/unit/forge.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/unit/forge-keys.h"

#define SIGN "jwt:sign"
#define VERIFY "jwt:verify"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Writes a private key under a passphrase, in either of the two forms. */
static int
write_encrypted(BIO *bio, EVP_PKEY *pkey, bool traditional)
{
	char pass[] = "pass";

	if (traditional)
		return PEM_write_bio_PrivateKey_traditional(bio, pkey,
		    EVP_aes_256_cbc(), (const uint8_t *)pass, (int)strlen(pass),
		    NULL, NULL);
	return PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(), pass,
	    (int)strlen(pass), NULL, NULL);
}

/* Encrypted keys are refused before anything could ask for a passphrase. */
static void
test_encrypted(void **state)
{
	for (int traditional = 0; traditional < 2; traditional++) {
		BIO *bio = BIO_new(BIO_s_mem());
		char text[4096];
		int n;

		assert_int_equal(write_encrypted(bio, forge_key("P-256"),
				     traditional),
		    1);
		n = BIO_read(bio, text, sizeof text - 1);
		assert_true(n > 0);
		text[n] = '\0';
		BIO_free(bio);
		forge_sign_refused(text, "passphrase");
		forge_verify_refused(text, "passphrase");
	}
}

/* PEM that is damaged, doubled, or something else. */
static void
test_damaged(void **state)
{
	const struct {
		const char *pem;
		const char *why;
	} cases[] = {
	    {"-----BEGIN", "damaged block"},
	    {"-----BEGIN PUBLIC KEY-----\n", "damaged block"},
	    {"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
		"damaged key"},
	    {"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PRIVATE KEY-----\n",
		"damaged block"},
	    {"-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----\n",
		"damaged block"},
	    {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
		"damaged"},
	    {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
	     "-----END EC PARAMETERS-----\n",
		"damaged block"},
	    {"-----BEGIN DH PARAMETERS-----\nMAYCAQUCAQI=\n"
	     "-----END DH PARAMETERS-----\n",
		"not another block"},
	    {"-----BEGIN PUBLIC KEY-----\nComment: mine\n\n"
	     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7"
	     "\n"
	     "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
	     "-----END PUBLIC KEY-----\n",
		"without headers"},
	    {FORGE_RSA_PUBLIC FORGE_RSA_PUBLIC, "not several"},
	    {FORGE_P256_PUBLIC FORGE_P256, "not several"},
	    {FORGE_RSA_PUBLIC "-----BEGIN PUBLIC KEY-----\nMFkw",
		"not several"},
	    {FORGE_P256 "-----BEGIN", "not several"},
	    /* a right label on the wrong contents */
	    {"-----BEGIN RSA PUBLIC KEY-----\n"
	     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7"
	     "\n"
	     "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
	     "-----END RSA PUBLIC KEY-----\n",
		"damaged key"},
	    /* A.3's point with another last byte: not on the curve */
	    {"-----BEGIN PUBLIC KEY-----\n"
	     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7"
	     "\n"
	     "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrg==\n"
	     "-----END PUBLIC KEY-----\n",
		"damaged key"},
	    /* the point at infinity */
	    {"-----BEGIN PUBLIC KEY-----\n"
	     "MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA\n"
	     "-----END PUBLIC KEY-----\n",
		""},
	    /* a byte behind the key, inside its block */
	    {"-----BEGIN PUBLIC KEY-----\n"
	     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7"
	     "\n"
	     "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQA=\n"
	     "-----END PUBLIC KEY-----\n",
		"damaged key"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		forge_verify_refused(cases[i].pem, cases[i].why);
		forge_sign_refused(cases[i].pem, cases[i].why);
	}
}

/* Other kinds of keys. */
static void
test_kinds_refused(void **state)
{
	static const char *const kinds[] = {"ED25519", "ED448", "secp256k1",
	    "P-224", "brainpoolP256r1"};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		EVP_PKEY *pkey = forge_key(kinds[i]);

		forge_sign_refused(forge_private(pkey),
		    "P-256, P-384 and P-521");
		forge_verify_refused(forge_public(pkey),
		    "P-256, P-384 and P-521");
	}
}

/* A curve that is spelled out, though it is P-256, could be another. */
static void
test_explicit_curve(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_dup(forge_key("P-256"));

	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey,
			     OSSL_PKEY_PARAM_EC_ENCODING, "explicit"),
	    1);
	forge_sign_refused(forge_private(pkey), "named curves");
	forge_verify_refused(forge_public(pkey), "named curves");
	EVP_PKEY_free(pkey);
}

/* A public key of RSA with any modulus of so many bits, and any exponent. */
static const char *
rsa_public(int bits, const char *exponent)
{
	BIGNUM *n = BN_new(), *e = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params;
	const char *text;

	assert_int_equal(BN_set_bit(n, bits - 1), 1);
	BN_set_bit(n, 0);
	BN_hex2bn(&e, exponent);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY,
			     params),
	    1);
	text = forge_public(pkey);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return text;
}

static void
test_rsa_sizes(void **state)
{
	static const char valid[] = "{'token': 'a.b.c', 'secret': '%s'}";

	forge_verify_refused(forge_public(forge_key("RSA1024")),
	    "2048 to 8192 bits, not of 1024");
	forge_sign_refused(forge_private(forge_key("RSA1024")),
	    "2048 to 8192 bits, not of 1024");
	forge_verify_refused(rsa_public(2047, "10001"), "not of 2047");
	tasking_ok(VERIFY, valid, forge_json(rsa_public(2048, "10001")));
	tasking_ok(VERIFY, valid, forge_json(rsa_public(8192, "10001")));
	forge_verify_refused(rsa_public(8193, "10001"), "not of 8193");
	forge_verify_refused(rsa_public(16384, "10001"), "not of 16384");
}

/* Exponents that make signatures worthless, or slow. */
static void
test_rsa_exponents(void **state)
{
	static const char valid[] = "{'token': 'a.b.c', 'secret': '%s'}";

	forge_verify_refused(rsa_public(2048, "1"), "exponent");
	forge_verify_refused(rsa_public(2048, "2"), "exponent");
	forge_verify_refused(rsa_public(2048, "10000000000000001"), "exponent");
	tasking_ok(VERIFY, valid, forge_json(rsa_public(2048, "3")));
	tasking_ok(VERIFY, valid,
	    forge_json(rsa_public(2048, "FFFFFFFFFFFFFFFF")));
}

/* A copy of RFC 7515's RSA key with one number changed. */
static const char *
rsa_private(const char *name, int bits)
{
	BIO *bio = BIO_new_mem_buf(FORGE_RSA, -1);
	EVP_PKEY *good = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *old = NULL, *all, own[2];
	EVP_PKEY *pkey = NULL;
	uint8_t bytes[2048] = {0};
	const char *text;

	/* native order: the last bytes are the highest */
	bytes[0] = 1;
	bytes[bits / 8 - 1] = 0x80;
	own[0] = OSSL_PARAM_construct_BN(name, bytes, (size_t)bits / 8);
	own[1] = OSSL_PARAM_construct_end();
	assert_int_equal(EVP_PKEY_todata(good, EVP_PKEY_KEYPAIR, &old), 1);
	all = OSSL_PARAM_merge(old, own); /* own ones win */
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, all),
	    1);
	text = forge_private(pkey);
	OSSL_PARAM_free(old);
	OPENSSL_free(all);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(good);
	EVP_PKEY_CTX_free(ctx);
	BIO_free(bio);
	return text;
}

/* Numbers that would take minutes to compute with, and wrong ones. */
static void
test_rsa_numbers(void **state)
{
	static const char *const names[] = {OSSL_PKEY_PARAM_RSA_D,
	    OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	    OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

	for (size_t i = 0; i < COUNT(names); i++)
		forge_sign_refused(rsa_private(names[i], 8 * 2048),
		    "whose numbers do not fit");
	forge_sign_refused(rsa_private(OSSL_PKEY_PARAM_RSA_E, 16),
	    "halves do not fit");
}

static void
test_rsa_of_three_primes(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	forge_sign_refused(forge_private(pkey), "two primes");
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
}

/* A private key of a curve with the public half of another key. */
static void
test_ec_halves(void **state)
{
	uint8_t point[133];
	BIGNUM *d = NULL;
	EVP_PKEY *ours = forge_key("P-256"), *theirs = EVP_EC_gen("P-256");
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *mixed = NULL;
	OSSL_PARAM *params;
	size_t n = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(theirs,
			     OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n),
	    1);
	assert_int_equal(EVP_PKEY_get_bn_param(ours, OSSL_PKEY_PARAM_PRIV_KEY,
			     &d),
	    1);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
	    "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
	    n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &mixed, EVP_PKEY_KEYPAIR,
			     params),
	    1);
	forge_sign_refused(forge_private(mixed), "halves do not fit");
	EVP_PKEY_free(mixed);
	EVP_PKEY_free(theirs);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(d);
}

/* Lengths: of a shared secret, and of a PEM. */
static void
test_lengths(void **state)
{
	char *text = malloc(20000);
	size_t n = strlen(FORGE_P256);

	memset(text, 's', 20000);
	text[4096] = '\0';
	tasking_ok(SIGN, "{'payload': {}, 'secret': '%s'}", text);
	text[4096] = 's';
	text[4097] = '\0';
	forge_sign_refused(text, "4096");
	text[4097] = 's';
	/* words in front of the key count */
	strcpy(text + 16384 - n, FORGE_P256);
	text[16384 - n - 1] = '\n';
	forge_sign_by(text, "{}");
	strcat(text, "\n");
	forge_sign_refused(text, "16384");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_encrypted),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_kinds_refused),
	    cmocka_unit_test(test_explicit_curve),
	    cmocka_unit_test(test_rsa_sizes),
	    cmocka_unit_test(test_rsa_exponents),
	    cmocka_unit_test(test_rsa_numbers),
	    cmocka_unit_test(test_rsa_of_three_primes),
	    cmocka_unit_test(test_ec_halves),
	    cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
