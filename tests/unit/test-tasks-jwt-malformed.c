/* Tokens that are none: shapes, spellings, headers; with a shared secret. */

#include "tests/unit/forge.h"

#include <stdlib.h>
#include <string.h>

#define SIGN "jwt:sign"
#define VERIFY "jwt:verify"

/* The algorithm must be right, allowed, and spelled right. */
static void
test_algorithms(void **state)
{
	static const struct {
		const char *md;
		const char *header;
		const char *options;
		const char *error; /* NULL: valid */
	} cases[] = {
	    {"SHA256", "{'alg':'HS256'}", "{}", NULL},
	    {"SHA384", "{'alg':'HS384'}", "{}", NULL},
	    {"SHA512", "{'alg':'HS512'}", "{}", NULL},
	    {"SHA256", "{'alg':'HS256','typ':'jwt'}", "{}", NULL},
	    {"SHA256", "{'alg':'HS256','kid':'x','other':[1]}", "{}", NULL},
	    {"SHA384", "{'alg':'HS384'}", "{'algorithms': ['HS384']}", NULL},
	    {"SHA384", "{'alg':'HS384'}", "{'algorithms': ['HS256']}",
		"invalid algorithm"},
	    {"SHA256", "{'alg':'HS256'}", "{'algorithms': ['HS384', 'HS512']}",
		"invalid algorithm"},
	    {"SHA256", "{'alg':'HS384'}", "{}", "invalid signature"},
	    {"SHA512", "{'alg':'HS256'}", "{}", "invalid signature"},
	    {"SHA256", "{'alg':'none'}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':'None'}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':'hs256'}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':'RS256'}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':'ES256'}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':''}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':256}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':null}", "{}", "invalid algorithm"},
	    {"SHA256", "{}", "{}", "invalid algorithm"},
	    {"SHA256", "{'alg':'none','alg':'HS256'}", "{}", "invalid token"},
	    {"SHA256", "{'alg':'HS256','crit':['x'],'x':1}", "{}",
		"invalid token"},
	    {"SHA256", "{'alg':'HS256','crit':null}", "{}", "invalid token"},
	    {"SHA256", "{'alg':'HS256','typ':'JWE'}", "{}", "invalid token"},
	    {"SHA256", "{'alg':'HS256','typ':5}", "{}", "invalid token"},
	    {"SHA256", "['alg','HS256']", "{}", "invalid token"},
	    {"SHA256", "'HS256'", "{}", "invalid token"},
	    {"SHA256", "{'alg':'HS256'", "{}", "invalid token"},
	    {"SHA256", "{'alg':'HS256'} x", "{}", "invalid token"},
	    {"SHA256", "", "{}", "invalid token"},
	};
	char header[256];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const msgpack_object *verdict;

		strcpy(header, cases[i].header);
		for (char *p = header; *p != '\0'; p++) {
			if (*p == '\'')
				*p = '"';
		}
		verdict = forge_verify(forge_hmac(cases[i].md, header,
					   "{\"a\":1}", "k"),
		    cases[i].options);
		forge_judged(verdict, cases[i].error);
	}
}

/* Every character of a good token counts. */
static void
test_every_bit(void **state)
{
	char *token = strdup(forge_payload("{\"a\":1,\"b\":\"cd\"}"));
	size_t len = strlen(token);
	msgpack_object_kv kv[2] = {
	    {tasking_str("token", 5), tasking_str(token, len)},
	    {tasking_str("secret", 6), tasking_str("k", 1)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	for (size_t bit = 0; bit < 8 * len; bit++) {
		token[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(tasking_run(VERIFY, &data, TASKING_RESULT_MAX),
		    0);
		assert_false(
		    tasking_get(tasking_result(), "valid")->via.boolean);
		token[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(tasking_run(VERIFY, &data, TASKING_RESULT_MAX), 0);
	forge_accepted(tasking_result());
	free(token);
}

static void
test_every_cut(void **state)
{
	char *token = strdup(forge_payload("{\"a\":1}"));

	for (size_t i = 0; i < strlen(token); i++) {
		const msgpack_object *verdict = tasking_ok(VERIFY,
		    "{'token': '%.*s', 'secret': 'k'}", (int)i, token);

		assert_false(tasking_get(verdict, "valid")->via.boolean);
	}
	free(token);
}

/* Shapes that the library takes and nobody should. */
static void
test_malformed(void **state)
{
	char *good = strdup(forge_payload("{\"a\":1}"));
	char *signature = strrchr(good, '.') + 1;
	static const struct {
		const char *format;
		const char *error;
	} cases[] = {
	    {"%s=", "invalid token"},
	    {"%s==", "invalid token"},
	    {"%s\\n", "invalid token"},
	    {"%s ", "invalid token"},
	    {"%s!", "invalid token"},
	    {"%sA", "invalid signature"},
	    {"%s.", "jwt malformed"},
	    {"%s.e30", "jwt malformed"},
	    {" %s", "invalid token"},
	    {"%s\\u0000", "jwt malformed"},
	    {".%s", "jwt malformed"},
	};
	char json[FORGE_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(json, sizeof json, cases[i].format, good);
		forge_rejected(forge_verify(json, "{}"), cases[i].error);
	}
	forge_rejected(forge_verify("", "{}"), "jwt must be provided");
	forge_rejected(forge_verify("abc", "{}"), "jwt malformed");
	forge_rejected(forge_verify("a.b", "{}"), "jwt malformed");
	forge_rejected(forge_verify("..", "{}"), "invalid token");
	forge_rejected(forge_verify("a..", "{}"), "invalid token");
	forge_rejected(forge_verify("***.***.***", "{}"), "invalid token");
	*signature = '\0';
	forge_rejected(forge_verify(good, "{}"), "jwt signature is required");
	/* 32 bytes leave two unused bits in the last of 43 characters */
	free(good);
	good = strdup(forge_payload("{\"a\":1}"));
	good[strlen(good) - 1]++;
	forge_rejected(forge_verify(good, "{}"), "invalid token");
	free(good);
}

static void
test_alg_none(void **state)
{
	char token[FORGE_SIZE] = "";

	forge_append(token, "{\"alg\":\"none\"}", 14);
	strcat(token, ".");
	forge_append(token, "{\"a\":1}", 7);
	forge_rejected(forge_verify(token, "{}"), "jwt malformed");
	strcat(token, ".");
	forge_rejected(forge_verify(token, "{}"), "jwt signature is required");
	strcat(token, "AA");
	forge_rejected(forge_verify(token, "{}"), "invalid algorithm");
}

static void
test_long_token(void **state)
{
	char *token = malloc(70000);

	memset(token, 'A', 70000);
	token[69999] = '\0';
	forge_rejected(forge_verify(token, "{}"), "jwt malformed");
	token[65536] = '\0';
	token[10] = token[20] = '.';
	forge_rejected(forge_verify(token, "{}"), "invalid token");
	free(token);
}

/* A public key is no secret, whatever stands in front of it. */
static void
test_pem_refused(void **state)
{
	static const char *const pems[] = {
	    "-----BEGIN PUBLIC KEY-----\\nMFkw\\n-----END PUBLIC KEY-----",
	    "\\n \\t-----BEGIN RSA PUBLIC KEY-----\\n",
	    "subject=CN\\n-----BEGIN CERTIFICATE-----\\nMII\\n",
	};

	for (size_t i = 0; i < sizeof pems / sizeof pems[0]; i++) {
		tasking_refuses("secret", SIGN,
		    "{'payload': {}, 'secret': '%s'}", pems[i]);
		tasking_refuses("secret", VERIFY,
		    "{'token': 'a.b.c', 'secret': '%s'}", pems[i]);
	}
	tasking_refuses("secret", VERIFY,
	    "{'token': 'a', 'secret': {'$bin': '2d2d2d2d2d424547494e20'}}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_algorithms),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_alg_none),
	    cmocka_unit_test(test_long_token),
	    cmocka_unit_test(test_pem_refused),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
