/* Tokens of every algorithm, changed: none is ever valid. */

#include "tests/unit/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>

#define VERIFY "jwt:verify"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

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

/* What is good is taken: or the rest of this file would show nothing. */
static void
test_good(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++)
		forge_accepted(scheme_verify(i, scheme_good(i)));
}

/* The header names every other algorithm, signed as it should be or not. */
static void
test_other_algorithm(void **state)
{
	static const char *const odd[] = {"none", "None", "NONE", "", "PS256",
	    "EdDSA", "ES256K", "hs256", "rs256", "es256", "HS256 ", "RS1"};
	char header[64];

	for (size_t i = 0; i < SCHEMES; i++) {
		for (size_t k = 0; k < SCHEMES; k++) {
			if (k == i)
				continue;
			snprintf(header, sizeof header, SCHEME_HEADER,
			    scheme_list[k].name);
			forge_rejected(scheme_verify(i,
					   scheme_token(i, header)),
			    strncmp(scheme_list[i].name, scheme_list[k].name,
				2) == 0 &&
				    scheme_list[i].half == 0
				? "invalid signature"
				: "invalid algorithm");
			/* signed by the other's key, right in itself */
			if (scheme_list[i].public != scheme_list[k].public)
				forge_rejected(scheme_verify(i, scheme_good(k)),
				    "invalid algorithm");
		}
		for (size_t k = 0; k < COUNT(odd); k++) {
			snprintf(header, sizeof header, SCHEME_HEADER, odd[k]);
			forge_rejected(scheme_verify(i,
					   scheme_token(i, header)),
			    "invalid algorithm");
		}
	}
}

/* The same token under a header that was changed afterwards. */
static void
test_altered(void **state)
{
	static const char *const headers[] = {"{\"alg\":\"%s\"}",
	    "{ \"alg\":\"%s\"}", "{\"alg\":\"%s\",\"kid\":\"a\"}",
	    "{\"alg\":\"%s\",\"crit\":[\"exp\"]}",
	    "{\"alg\":\"%s\",\"b64\":false}",
	    "{\"alg\":\"none\",\"alg\":\"%s\"}"};

	for (size_t i = 0; i < SCHEMES; i++) {
		uint8_t signature[SCHEME_SIGNATURE];
		size_t n = scheme_signature(scheme_good(i), signature);
		char text[FORGE_SIZE], header[64];

		for (size_t k = 0; k < COUNT(headers); k++) {
			snprintf(header, sizeof header, headers[k],
			    scheme_list[i].name);
			text[0] = '\0';
			forge_append(text, header, strlen(header));
			strcat(text, ".");
			forge_append(text, SCHEME_PAYLOAD,
			    strlen(SCHEME_PAYLOAD));
			strcat(text, ".");
			forge_append(text, signature, n);
			forge_rejected(scheme_verify(i, text), NULL);
		}
		snprintf(header, sizeof header, SCHEME_HEADER,
		    scheme_list[i].name);
		text[0] = '\0';
		forge_append(text, header, strlen(header));
		strcat(text, ".e30.");
		forge_append(text, signature, n);
		forge_rejected(scheme_verify(i, text), "invalid signature");
	}
}

/* crit, b64 and typ are refused however well the token is signed. */
static void
test_header_that_asks_for_more(void **state)
{
	static const char *const headers[] =
	    {"{\"alg\":\"%s\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"%s\",\"crit\":[]}",
		"{\"alg\":\"%s\",\"crit\":null}",
		"{\"alg\":\"%s\",\"b64\":false}",
		"{\"alg\":\"%s\",\"b64\":true}",
		"{\"alg\":\"%s\",\"typ\":\"JWE\"}",
		"{\"alg\":\"none\",\"alg\":\"%s\"}", "[\"alg\",\"%s\"]"};
	char header[64];

	for (size_t i = 0; i < SCHEMES; i++) {
		for (size_t k = 0; k < COUNT(headers); k++) {
			snprintf(header, sizeof header, headers[k],
			    scheme_list[i].name);
			forge_rejected(scheme_verify(i,
					   scheme_token(i, header)),
			    "invalid token");
		}
	}
}

/* One changed character, wherever it is, and every cut. */
static void
test_every_character(void **state)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		char *token = strdup(scheme_good(i));
		char *key = strdup(forge_json(scheme_list[i].public));

		for (size_t at = 0; at < strlen(token); at++) {
			const char old = token[at];

			token[at] = old == 'A' ? 'B' : 'A';
			forge_rejected(scheme_verify(i, token), NULL);
			token[at] = old;
			forge_rejected(tasking_ok(VERIFY,
					   "{'token': '%.*s', 'key': '%s'}",
					   (int)at, token, key),
			    NULL);
		}
		forge_accepted(scheme_verify(i, token));
		free(token);
		free(key);
	}
}

/* Bytes behind the token, and other spellings of its parts. */
static void
test_spellings(void **state)
{
	static const char *const tails[] = {"A", "AA", "AAA", "AAAA", "=",
	    "==", ".", ".A", "\\n", " ", "\\u0000", "%%", "!"};
	char text[2 * FORGE_SIZE];

	for (size_t i = 0; i < SCHEMES; i++) {
		const char *token = scheme_good(i);

		for (size_t k = 0; k < COUNT(tails); k++) {
			snprintf(text, sizeof text, "%s%s", token, tails[k]);
			forge_rejected(scheme_verify(i, text), NULL);
			snprintf(text, sizeof text, "%s%s", tails[k], token);
			forge_rejected(scheme_verify(i, text), NULL);
		}
	}
}

/* Changes the unused bits at the end of each part that has some. */
static void
test_unused_bits(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	int seen = 0;

	for (size_t i = 0; i < SCHEMES; i++) {
		char *token = strdup(scheme_good(i));
		char *start = token;

		while (start != NULL) {
			size_t len = strcspn(start, ".");
			char *last = start + len - 1, old = *last;

			if (len % 4 != 0) {
				*last = strchr(alphabet, old)[1];
				forge_rejected(scheme_verify(i, token),
				    "invalid token");
				*last = old;
				seen++;
			}
			start = start[len] == '.' ? start + len + 1 : NULL;
		}
		free(token);
	}
	/* all headers and payloads, and six of the nine signatures */
	assert_int_equal(seen, 9 + 9 + 6);
}

/* No signature, a short one, a long one, a wrong one. */
static void
test_signatures(void **state)
{
	static const uint8_t zeros[SCHEME_SIGNATURE];
	static uint8_t ones[SCHEME_SIGNATURE];

	memset(ones, 0xff, sizeof ones);
	for (size_t i = 0; i < SCHEMES; i++) {
		char *token = strdup(scheme_good(i));
		uint8_t signature[SCHEME_SIGNATURE + 1] = {0};
		size_t n = scheme_signature(token, signature + 1);

		forge_rejected(scheme_verify(i, forge_resigned(token, "", 0)),
		    "jwt signature is required");
		for (size_t len = 1; len < n + 8; len += n / 4 - 1) {
			forge_rejected(scheme_verify(i,
					   forge_resigned(token, zeros, len)),
			    "invalid signature");
			forge_rejected(scheme_verify(i,
					   forge_resigned(token, ones, len)),
			    "invalid signature");
		}
		forge_rejected(scheme_verify(i,
				   forge_resigned(token, zeros, n)),
		    "invalid signature");
		forge_rejected(scheme_verify(i, forge_resigned(token, ones, n)),
		    "invalid signature");
		/* one byte more or less, at either end */
		forge_rejected(scheme_verify(i,
				   forge_resigned(token, signature, n + 1)),
		    "invalid signature");
		forge_rejected(scheme_verify(i,
				   forge_resigned(token, signature + 1, n - 1)),
		    "invalid signature");
		forge_rejected(scheme_verify(i,
				   forge_resigned(token, signature + 2, n - 1)),
		    "invalid signature");
		forge_accepted(
		    scheme_verify(i, forge_resigned(token, signature + 1, n)));
		free(token);
	}
}

/* ECDSA: numbers that are 0, or too large, or change places; and DER. */
static void
test_ecdsa_numbers(void **state)
{
	for (size_t c = 0; c < COUNT(curves); c++) {
		size_t i = curves[c].scheme, half = scheme_list[i].half;
		char *token = strdup(scheme_good(i));
		uint8_t good[SCHEME_SIGNATURE], bad[SCHEME_SIGNATURE];
		EC_GROUP *group = EC_GROUP_new_by_curve_name(
		    EC_curve_nist2nid(curves[c].curve));
		const BIGNUM *order = EC_GROUP_get0_order(group);

		assert_int_equal(scheme_signature(token, good), 2 * half);
		for (size_t at = 0; at <= half; at += half) {
			memcpy(bad, good, 2 * half);
			memset(bad + at, 0, half);
			forge_rejected(scheme_verify(i, forge_resigned(token,
							    bad, 2 * half)),
			    "invalid signature");
			BN_bn2binpad(order, bad + at, (int)half);
			forge_rejected(scheme_verify(i, forge_resigned(token,
							    bad, 2 * half)),
			    "invalid signature");
		}
		memcpy(bad, good + half, half);
		memcpy(bad + half, good, half);
		forge_rejected(scheme_verify(i,
				   forge_resigned(token, bad, 2 * half)),
		    "invalid signature");
		EC_GROUP_free(group);
		free(token);
	}
}

static void
test_ecdsa_der(void **state)
{
	char header[64];

	for (size_t c = 0; c < COUNT(curves); c++) {
		size_t i = curves[c].scheme;

		snprintf(header, sizeof header, SCHEME_HEADER,
		    scheme_list[i].name);
		forge_rejected(scheme_verify(i, forge_signed(scheme_list[i].md,
						    header, SCHEME_PAYLOAD,
						    scheme_list[i].private, 0)),
		    "invalid signature");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_other_algorithm),
	    cmocka_unit_test(test_altered),
	    cmocka_unit_test(test_header_that_asks_for_more),
	    cmocka_unit_test(test_every_character),
	    cmocka_unit_test(test_spellings),
	    cmocka_unit_test(test_unused_bits),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_ecdsa_numbers),
	    cmocka_unit_test(test_ecdsa_der),
	};

	return cmocka_run_group_tests(tests, scheme_setup, scheme_teardown);
}
