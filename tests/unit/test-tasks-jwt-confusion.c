/* Tokens that are right by another key, or by a public one. */

#include "tests/unit/scheme.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>
#include <sodium.h>

#include "tests/unit/forge-keys.h"

#define SIGN "jwt:sign"
#define VERIFY "jwt:verify"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define EVERY "['HS256', 'HS384', 'HS512']"

/* The shape of an ECDSA signature. */
static const struct {
	size_t scheme;
	const char *curve;
	const char *other; /* another curve */
} curves[] = {
    {6, "P-256", "P-384"},
    {7, "P-384", "P-521"},
    {8, "P-521", "P-256"},
};

/* Verifies with a list of one algorithm; it must be refused, or invalid. */
static void
never_valid(const char *key, const char *token, const char *algorithm)
{
	char options[64];
	bool fits = false;

	snprintf(options, sizeof options, "{'algorithms': ['%s']}", algorithm);
	for (size_t i = 0; i < SCHEMES; i++)
		fits |= strcmp(scheme_list[i].name, algorithm) == 0 &&
			strcmp(scheme_list[i].public, key) == 0;
	if (fits)
		forge_rejected(forge_verify_by(key, token, options),
		    "invalid algorithm");
	else
		tasking_refuses("options.algorithms", VERIFY,
		    "{'token': '%s', 'secret': '%s', 'options': %s}", token,
		    forge_json(key), options);
}

/*
 * Key confusion: a token made with HMAC, and as its secret the public key that
 * everybody has, given to who verifies with that key.
 */
static void
test_public_key_as_secret(void **state)
{
	char header[64];

	for (size_t i = 3; i < SCHEMES; i++) {
		const char *key = scheme_list[i].public;

		for (size_t hmac = 0; hmac < 3; hmac++) {
			char *token;

			snprintf(header, sizeof header, SCHEME_HEADER,
			    scheme_list[hmac].name);
			token = strdup(forge_hmac(scheme_list[hmac].md, header,
			    SCHEME_PAYLOAD, key));
			forge_rejected(forge_verify_by(key, token, "{}"),
			    "invalid algorithm");
			for (size_t k = 0; k < SCHEMES; k++)
				never_valid(key, token, scheme_list[k].name);
			tasking_refuses("options.algorithms", VERIFY,
			    "{'token': '%s', 'secret': '%s',"
			    " 'options': {'algorithms': " EVERY "}}",
			    token, forge_json(key));
			free(token);
		}
	}
}

/* The same with HMAC under the name of the algorithm that the key is for. */
static void
test_hmac_by_another_name(void **state)
{
	char header[64];

	for (size_t i = 3; i < SCHEMES; i++) {
		snprintf(header, sizeof header, SCHEME_HEADER,
		    scheme_list[i].name);
		forge_rejected(scheme_verify(i,
				   forge_hmac(scheme_list[i].md, header,
				       SCHEME_PAYLOAD, scheme_list[i].public)),
		    "invalid signature");
	}
}

/* A public key that is no PEM is no shared secret either. */
static void
test_bare_key_as_secret(void **state)
{
	EVP_PKEY *pkeys[] = {forge_key("P-256"), forge_key("P-521"),
	    forge_key("RSA2048"), forge_key("ED25519")};
	static const char *const lines[] = {"ssh-rsa AAAAB3NzaC1yc2E= me",
	    "ssh-ed25519 AAAAC3NzaC1lZDI1 me",
	    "ecdsa-sha2-nistp256 AAAAE2VjZHNh me"};

	for (size_t i = 0; i < COUNT(pkeys); i++) {
		uint8_t *der = NULL;
		int len = i2d_PUBKEY(pkeys[i], &der);
		char hex[2048];

		assert_true(len > 0);
		sodium_bin2hex(hex, sizeof hex, der, (size_t)len);
		tasking_refuses("secret", VERIFY,
		    "{'token': 'a.b.c', 'secret': {'$bin': '%s'}}", hex);
		tasking_refuses("secret", SIGN,
		    "{'payload': {}, 'secret': {'$bin': '%s'}}", hex);
		/* cut short, it is bytes like any others */
		hex[strlen(hex) - 2] = '\0';
		tasking_ok(SIGN, "{'payload': {}, 'secret': {'$bin': '%s'}}",
		    hex);
		OPENSSL_free(der);
	}
	for (size_t i = 0; i < COUNT(lines); i++)
		tasking_refuses("secret", VERIFY,
		    "{'token': 'a.b.c', 'secret': '%s'}", lines[i]);
	tasking_ok(SIGN, "{'payload': {}, 'secret': '0'}");
	tasking_ok(SIGN, "{'payload': {}, 'secret': '0123456789abcdef'}");
	/* "01" is how DER of 51 bytes begins */
	tasking_ok(SIGN, "{'payload': {}, 'secret': "
			 "'0123456789abcdef0123456789abcdef0123456789abcdef012'"
			 "}");
}

/* Bytes are no secret, to sign with or to verify with. */
static void
no_secret(const void *bytes, size_t len)
{
	char hex[2 * 8192 + 1];

	sodium_bin2hex(hex, sizeof hex, bytes, len);
	tasking_refuses("secret", VERIFY,
	    "{'token': 'a.b.c', 'secret': {'$bin': '%s'}}", hex);
	tasking_refuses("secret", SIGN,
	    "{'payload': {}, 'secret': {'$bin': '%s'}}", hex);
}

/* A key, spelled in base64 and in hex, whole and with breaks. */
static void
no_secret_spelled(const uint8_t *bytes, size_t len)
{
	static const int variants[] = {sodium_base64_VARIANT_ORIGINAL,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
	    sodium_base64_VARIANT_URLSAFE,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING};
	char text[4096], broken[8192];

	for (size_t i = 0; i < COUNT(variants); i++) {
		int n;

		sodium_bin2base64(text, sizeof text, bytes, len, variants[i]);
		no_secret(text, strlen(text));
		n = snprintf(broken, sizeof broken, " \n%.40s\r\n%s\n", text,
		    text + 40);
		no_secret(broken, (size_t)n);
		n = snprintf(broken, sizeof broken,
		    "\xef\xbb\xbf\"%s\" my-key_1", text);
		no_secret(broken, (size_t)n);
	}
	if (len > 2000)
		return; /* more than a secret may have */
	sodium_bin2hex(text, sizeof text, bytes, len);
	no_secret(text, strlen(text));
	no_secret(broken,
	    (size_t)snprintf(broken, sizeof broken, "0x%s", text));
	for (size_t i = 0; text[i] != '\0'; i += 2)
		snprintf(broken + i / 2 * 3, 4, "%c%c:", toupper(text[i]),
		    toupper(text[i + 1]));
	no_secret(broken, strlen(broken) - 1);
}

/* A public key in any spelling that people keep one in. */
static void
test_spelled_key_as_secret(void **state)
{
	EVP_PKEY *pkeys[] = {forge_key("P-256"), forge_key("P-384"),
	    forge_key("P-521"), forge_key("RSA2048"), forge_key("ED25519")};

	for (size_t i = 0; i < COUNT(pkeys); i++) {
		const char *pem = forge_public(pkeys[i]);
		uint8_t *der = NULL, longer[2048];
		int len = i2d_PUBKEY(pkeys[i], &der);

		assert_true(len > 0 && (size_t)len < sizeof longer - 2);
		no_secret_spelled(der, (size_t)len);
		no_secret_spelled((const uint8_t *)pem, strlen(pem));
		memcpy(longer, der, (size_t)len);
		memcpy(longer + len, "\n", 2);
		no_secret(longer, (size_t)len + 2);
		/* UTF-16 of either order */
		for (size_t high = 0; high < 2; high++) {
			uint8_t wide[4096] = {0};

			for (size_t k = 0; k < strlen(pem); k++)
				wide[2 * k + high] = (uint8_t)pem[k];
			no_secret(wide, 2 * strlen(pem));
		}
		OPENSSL_free(der);
	}
}

/* Forms of text, and secrets that begin as keys do. */
static void
test_key_as_text(void **state)
{
	static const char *const keys[] =
	    {"{\"kty\":\"RSA\",\"n\":\"0vx7\",\"e\":\"AQAB\"}",
		"{\"keys\": [{\"crv\": \"P-256\", \"kty\" : \"EC\"}]}",
		"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAABIwAA",
		"from=\"10.0.0.1\" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB",
		"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY",
		"<RSAKeyValue><Modulus>0vx7</Modulus></RSAKeyValue>",
		"{\"x5c\": [\"MIIB\"]}", "--- BEGIN PUBLIC KEY ---\nMFkw",
		/* {"kty":"EC"} */
		"eyJrdHkiOiJFQyJ9", "7b226b7479223a224543227d"};
	static const char *const secrets[] = {"M", "MIIB", "  ", "30", "3059",
	    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
	    "3059301306072a8648ce3d020106082a8648ce3d030107034200",
	    "LS0tLS1CRUdJ", "kty", "BEGIN",
	    "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
	    "3030303030303030303030303030303030303030303030303030303030303030",
	    "000000000000000000000000000000000000000000000000000000000000000"};

	for (size_t i = 0; i < COUNT(keys); i++)
		no_secret(keys[i], strlen(keys[i]));
	for (size_t i = 0; i < COUNT(secrets); i++)
		tasking_ok(SIGN, "{'payload': {}, 'secret': '%s'}", secrets[i]);
}

/* Another key of the same kind, of another curve, and of another kind. */
static void
test_other_keys(void **state)
{
	for (size_t i = 3; i < 6; i++) {
		forge_rejected(forge_verify_by(forge_public(
						   forge_key("RSA2048")),
				   scheme_good(i), "{}"),
		    "invalid signature");
		forge_rejected(forge_verify_by(FORGE_P256_PUBLIC,
				   scheme_good(i), "{}"),
		    "invalid algorithm");
	}
	for (size_t c = 0; c < COUNT(curves); c++) {
		size_t i = curves[c].scheme;
		EVP_PKEY *same = EVP_EC_gen(curves[c].curve);

		forge_rejected(forge_verify_by(forge_public(same),
				   scheme_good(i), "{}"),
		    "invalid signature");
		EVP_PKEY_free(same);
		forge_rejected(forge_verify_by(forge_public(
						   forge_key(curves[c].other)),
				   scheme_good(i), "{}"),
		    "invalid algorithm");
		forge_rejected(forge_verify_by(FORGE_RSA_PUBLIC, scheme_good(i),
				   "{}"),
		    "invalid algorithm");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_public_key_as_secret),
	    cmocka_unit_test(test_hmac_by_another_name),
	    cmocka_unit_test(test_bare_key_as_secret),
	    cmocka_unit_test(test_spelled_key_as_secret),
	    cmocka_unit_test(test_key_as_text),
	    cmocka_unit_test(test_other_keys),
	};

	return cmocka_run_group_tests(tests, scheme_setup, scheme_teardown);
}
