/* Keys of jwt:*: RFC 7515's, their forms and kinds, and how they are kept. */

#include "tests/unit/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>
#include <sodium.h>

#include "tests/unit/forge-keys.h"
#include "worker/tasks/token-key.h"
#include "worker/tasks/token-seal.h"

#define SIGN "jwt:sign"
#define VERIFY "jwt:verify"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The payload of RFC 7515, A.1 to A.3. */
#define RFC_PAYLOAD                                                        \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* A.2.1 */
#define RFC_RS256                                                          \
	"eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD "."                            \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7" \
	"AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" \
	"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K" \
	"0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" \
	"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB" \
	"p0igcN_IoypGlUPQGe77Rw"

/* A.3.1 */
#define RFC_ES256                                                          \
	"eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD "."                            \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA" \
	"pmWQxfKTUJqPP3-Kg6NU1Q"

/* A.4.1: header and payload, and the signature */
#define RFC_ES512_TEXT "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA"
#define RFC_ES512_SIGNATURE                                                \
	"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZq" \
	"wqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8Kp" \
	"EHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

/* The master has parsed RFC 7515's keys; its workers begin with none. */
static void
test_none_at_the_start(void **state)
{
	unsigned int before = token_key_parsed();

	assert_true(before > 0);
	forge_rejected(forge_verify_by(FORGE_P256_PUBLIC, RFC_ES256, "{}"),
	    "jwt expired");
	forge_rejected(forge_verify_by(FORGE_RSA_PUBLIC, RFC_RS256, "{}"),
	    "jwt expired");
	assert_int_equal(token_key_parsed() - before, 2);
}

static void
test_rfc7515_rs256(void **state)
{
	const msgpack_object *payload =
	    forge_accepted(forge_verify_by(FORGE_RSA_PUBLIC, RFC_RS256,
		"{'clockTimestamp': 1300819379, 'issuer': 'joe'}"));

	tasking_assert_str(tasking_get(payload, "iss"), "joe");
	forge_rejected(forge_verify_by(FORGE_RSA_PUBLIC, RFC_RS256, "{}"),
	    "jwt expired");
}

static void
test_rfc7515_es256(void **state)
{
	const msgpack_object *payload =
	    forge_accepted(forge_verify_by(FORGE_P256_PUBLIC, RFC_ES256,
		"{'clockTimestamp': 1300819379, 'issuer': 'joe'}"));

	tasking_assert_str(tasking_get(payload, "iss"), "joe");
	forge_rejected(forge_verify_by(FORGE_P256_PUBLIC, RFC_ES256, "{}"),
	    "jwt expired");
}

/* A key of a PEM, as a task has it. */
static struct token_key
key_of(const char *pem, bool to_sign)
{
	struct call call = {.type = NULL};
	msgpack_object arg = tasking_str(pem, strlen(pem));
	struct token_key key;

	assert_int_equal(token_key_read(&call, &arg, to_sign, &key), 0);
	return key;
}

/*
 * A.4 signs "Payload", which is no JSON object: no JSON web token, so it is
 * refused as one, but the signature is right.
 */
static void
test_rfc7515_es512(void **state)
{
	struct token_key key = key_of(FORGE_P521_PUBLIC, false);
	uint8_t signature[256];
	size_t n;

	forge_rejected(forge_verify_by(FORGE_P521_PUBLIC,
			   RFC_ES512_TEXT "." RFC_ES512_SIGNATURE, "{}"),
	    "invalid token");
	assert_int_equal(sodium_base642bin(signature, sizeof signature,
			     RFC_ES512_SIGNATURE, strlen(RFC_ES512_SIGNATURE),
			     NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	assert_int_equal(n, 132);
	assert_true(token_seal_check(TOKEN_ES512, &key, RFC_ES512_TEXT,
	    strlen(RFC_ES512_TEXT), signature, n));
	assert_false(token_seal_check(TOKEN_ES512, &key, RFC_ES512_TEXT,
	    strlen(RFC_ES512_TEXT) - 1, signature, n));
	signature[131] ^= 1;
	assert_false(token_seal_check(TOKEN_ES512, &key, RFC_ES512_TEXT,
	    strlen(RFC_ES512_TEXT), signature, n));
}

/* PKCS#1 v1.5 has no randomness: the RFC's own signature comes out. */
static void
test_rs256_is_exact(void **state)
{
	struct token_key key = key_of(FORGE_RSA, true);
	const char *text = "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD;
	uint8_t signature[TOKEN_SEAL_MAX];
	char token[FORGE_SIZE];
	size_t n =
	    token_seal_make(TOKEN_RS256, &key, text, strlen(text), signature);

	assert_int_equal(n, 256);
	strcpy(token, text);
	strcat(token, ".");
	forge_append(token, signature, n);
	assert_string_equal(token, RFC_RS256);
}

/* All forms of one key are the same key. */
static void
test_forms(void **state)
{
	const struct {
		const char *private;
		const char *public;
	} cases[] = {
	    {FORGE_RSA, FORGE_RSA_PUBLIC},
	    {FORGE_RSA_PKCS1, FORGE_RSA_PUBLIC_PKCS1},
	    {FORGE_RSA, FORGE_RSA_PUBLIC_PKCS1},
	    {FORGE_P256, FORGE_P256_PUBLIC},
	    {FORGE_P256_SEC1, FORGE_P256_PUBLIC},
	    {FORGE_P521, FORGE_P521_PUBLIC},
	    {FORGE_P521_SEC1, FORGE_P521_PUBLIC},
	    /* as `openssl ecparam -genkey` writes it */
	    {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
	     "-----END EC PARAMETERS-----\n" FORGE_P256_SEC1,
		FORGE_P256_PUBLIC},
	    {"some words\n\n" FORGE_P256 "and more\n",
		"  \n" FORGE_P256_PUBLIC "\n\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		forge_accepted(forge_verify_by(cases[i].public,
		    forge_sign_by(cases[i].private, "{}"), "{}"));
}

/* Bytes are taken as text is, and line ends of other systems. */
static void
test_bytes(void **state)
{
	const char *token = forge_sign_by(FORGE_P256, "{}");
	char hex[2048], crlf[1024];
	size_t n = 0;

	for (const char *p = FORGE_P256_PUBLIC; *p != '\0'; p++) {
		if (*p == '\n')
			crlf[n++] = '\r';
		crlf[n++] = *p;
	}
	sodium_bin2hex(hex, sizeof hex, (uint8_t *)crlf, n);
	forge_accepted(tasking_ok(VERIFY,
	    "{'token': '%s', 'key': {'$bin': '%s'}}", token, hex));
}

/* What is in a certificate beside the key is of no interest. */
static void
test_certificate(void **state)
{
	static const char *const kinds[] = {"RSA2048", "P-256", "P-384"};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		EVP_PKEY *pkey = forge_key(kinds[i]);
		const char *certificate = forge_certificate(pkey);

		forge_accepted(forge_verify_by(certificate,
		    forge_sign_by(forge_private(pkey), "{}"), "{}"));
		forge_rejected(forge_verify_by(certificate,
				   forge_payload("{\"a\":1}"), "{}"),
		    "invalid algorithm");
	}
}

/* The key's kind chooses the algorithm, and allows no other. */
static void
test_defaults(void **state)
{
	static const char *const all[] = {"HS256", "HS384", "HS512", "RS256",
	    "RS384", "RS512", "ES256", "ES384", "ES512"};
	const struct {
		const char *private;
		const char *public;
		const char *algorithm;
		const char *family;
	} cases[] = {
	    {"k", "k", "HS256", "HS"},
	    {FORGE_RSA, FORGE_RSA_PUBLIC, "RS256", "RS"},
	    {FORGE_P256, FORGE_P256_PUBLIC, "ES256", "ES256"},
	    {strdup(forge_private(forge_key("P-384"))),
		strdup(forge_public(forge_key("P-384"))), "ES384", "ES384"},
	    {FORGE_P521, FORGE_P521_PUBLIC, "ES512", "ES512"},
	};
	char options[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const msgpack_object *verdict = forge_verify_by(cases[i].public,
		    forge_sign_by(cases[i].private, "{}"),
		    "{'complete': true}");

		tasking_assert_str(tasking_get(tasking_get(verdict, "header"),
				       "alg"),
		    cases[i].algorithm);
		for (size_t k = 0; k < COUNT(all); k++) {
			snprintf(options, sizeof options, "{'algorithm': '%s'}",
			    all[k]);
			if (strncmp(all[k], cases[i].family,
				strlen(cases[i].family)) == 0) {
				forge_accepted(forge_verify_by(cases[i].public,
				    forge_sign_by(cases[i].private, options),
				    "{}"));
				continue;
			}
			tasking_refuses("options.algorithm", SIGN,
			    "{'payload': {}, 'secret': '%s', 'options': %s}",
			    forge_json(cases[i].private), options);
			tasking_refuses("options.algorithms", VERIFY,
			    "{'token': 'a', 'secret': '%s',"
			    " 'options': {'algorithms': ['%s', '%s']}}",
			    forge_json(cases[i].public), cases[i].algorithm,
			    all[k]);
		}
	}
	free((char *)(uintptr_t)cases[3].private);
	free((char *)(uintptr_t)cases[3].public);
}

/* An algorithm that the key is for can still be left out of the list. */
static void
test_list(void **state)
{
	const char *token = forge_sign_by(FORGE_RSA, "{'algorithm': 'RS384'}");

	forge_accepted(forge_verify_by(FORGE_RSA_PUBLIC, token,
	    "{'algorithms': ['RS256', 'RS384']}"));
	forge_rejected(forge_verify_by(FORGE_RSA_PUBLIC, token,
			   "{'algorithms': ['RS256', 'RS512']}"),
	    "invalid algorithm");
}

/* Each end takes its own half. */
static void
test_halves(void **state)
{
	forge_verify_refused(FORGE_RSA, "not a private key");
	forge_verify_refused(FORGE_RSA_PKCS1, "not a private key");
	forge_verify_refused(FORGE_P256, "not a private key");
	forge_verify_refused(FORGE_P256_SEC1, "not a private key");
	forge_sign_refused(FORGE_RSA_PUBLIC, "not a public one");
	forge_sign_refused(FORGE_RSA_PUBLIC_PKCS1, "not a public one");
	forge_sign_refused(FORGE_P521_PUBLIC, "not a public one");
	forge_sign_refused(forge_certificate(forge_key("P-256")),
	    "not a public one");
}

/* A key is parsed once, as long as not too many others come between. */
static void
test_parsed_once(void **state)
{
	unsigned int before;
	const char *token;

	token_key_forget();
	before = token_key_parsed();
	for (int i = 0; i < 5; i++) {
		token = forge_sign_by(FORGE_P256, "{}");
		forge_accepted(forge_verify_by(FORGE_P256_PUBLIC, token, "{}"));
	}
	assert_int_equal(token_key_parsed() - before, 2);
	/* the same key in other words is another text */
	forge_accepted(forge_verify_by("\n" FORGE_P256_PUBLIC, token, "{}"));
	assert_int_equal(token_key_parsed() - before, 3);
	/* no shared secret is ever kept */
	forge_sign_by("k", "{}");
	assert_int_equal(token_key_parsed() - before, 3);
}

/* Verifies with a key whose text differs from others only in front. */
static void
use_variant(int i, const char *token)
{
	char text[1024];

	snprintf(text, sizeof text, "%d\n%s", i, FORGE_P256_PUBLIC);
	forge_accepted(forge_verify_by(text, token, "{}"));
}

/* What was used last is kept; what was used longest ago goes first. */
static void
test_kept(void **state)
{
	char *token = strdup(forge_sign_by(FORGE_P256, "{}"));
	unsigned int before;

	token_key_forget();
	before = token_key_parsed();
	for (int i = 0; i < TOKEN_KEY_KEPT; i++)
		use_variant(i, token);
	for (int i = 0; i < TOKEN_KEY_KEPT; i++)
		use_variant(i, token);
	assert_int_equal(token_key_parsed() - before, TOKEN_KEY_KEPT);
	use_variant(TOKEN_KEY_KEPT, token); /* in place of 0 */
	use_variant(1, token);
	assert_int_equal(token_key_parsed() - before, TOKEN_KEY_KEPT + 1);
	use_variant(0, token); /* in place of 2 */
	assert_int_equal(token_key_parsed() - before, TOKEN_KEY_KEPT + 2);
	use_variant(1, token);
	use_variant(3, token);
	assert_int_equal(token_key_parsed() - before, TOKEN_KEY_KEPT + 2);
	use_variant(2, token);
	assert_int_equal(token_key_parsed() - before, TOKEN_KEY_KEPT + 3);
	free(token);
}

/* Keys that are refused are not kept, and push out no more than one. */
static void
test_refused_are_not_kept(void **state)
{
	char *token = strdup(forge_sign_by(FORGE_P256, "{}"));
	char text[256];
	unsigned int before;

	token_key_forget();
	for (int i = 0; i < TOKEN_KEY_KEPT; i++)
		use_variant(i, token);
	for (int i = 0; i < 3 * TOKEN_KEY_KEPT; i++) {
		snprintf(text, sizeof text,
		    "%d\n-----BEGIN PUBLIC KEY-----\nMFkw\n"
		    "-----END PUBLIC KEY-----\n",
		    i);
		forge_verify_refused(text, "damaged");
	}
	before = token_key_parsed();
	for (int i = 1; i < TOKEN_KEY_KEPT; i++)
		use_variant(i, token);
	assert_int_equal(token_key_parsed(), before);
	free(token);
}

/* A key that is kept for one end is not given to the other. */
static void
test_kept_halves(void **state)
{
	forge_sign_by(FORGE_P256, "{}");
	forge_verify_refused(FORGE_P256, "not a private key");
	forge_sign_by(FORGE_P256, "{}");
	forge_rejected(forge_verify_by(FORGE_P256_PUBLIC, forge_payload("{}"),
			   "{}"),
	    "invalid algorithm");
	forge_sign_refused(FORGE_P256_PUBLIC, "not a public one");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none_at_the_start),
	    cmocka_unit_test(test_rfc7515_rs256),
	    cmocka_unit_test(test_rfc7515_es256),
	    cmocka_unit_test(test_rfc7515_es512),
	    cmocka_unit_test(test_rs256_is_exact),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_certificate),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_halves),
	    cmocka_unit_test(test_parsed_once),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_refused_are_not_kept),
	    cmocka_unit_test(test_kept_halves),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
