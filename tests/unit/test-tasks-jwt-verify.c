/* jwt:verify: known tokens, headers, options, refusals. */

#include "tests/unit/forge.h"

#include <stdio.h>
#include <string.h>

#define VERIFY "jwt:verify"

static int64_t
number(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = tasking_get(map, key);

	assert_non_null(value);
	assert_true(value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
		    value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
	return value->via.i64;
}

/* RFC 7515, appendix A.1: a header with a line break, a binary key. */
static void
test_rfc7515(void **state)
{
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
	    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	static const char key[] =
	    "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebf"
	    "d3fb5a92d20647ef968ab4c377623d223d2e2172052e4f08c0cd9af567d080a3";
	const msgpack_object *payload;

	payload = forge_accepted(tasking_ok(VERIFY,
	    "{'token': '%s', 'secret': {'$bin': '%s'},"
	    " 'options': {'ignoreExpiration': true, 'issuer': 'joe'}}",
	    token, key));
	tasking_assert_str(tasking_get(payload, "iss"), "joe");
	assert_int_equal(number(payload, "exp"), 1300819380);
	assert_true(
	    tasking_get(payload, "http://example.com/is_root")->via.boolean);
	forge_rejected(tasking_ok(VERIFY,
			   "{'token': '%s', 'secret': {'$bin': '%s'}}", token,
			   key),
	    "jwt expired");
}

/* The token that jwt.io has shown for years. */
static void
test_jwt_io(void **state)
{
	const msgpack_object *payload = forge_accepted(tasking_ok(VERIFY,
	    "{'token': 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2"
	    "MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',"
	    " 'secret': 'your-256-bit-secret'}"));

	tasking_assert_str(tasking_get(payload, "sub"), "1234567890");
	tasking_assert_str(tasking_get(payload, "name"), "John Doe");
	assert_int_equal(number(payload, "iat"), 1516239022);
}

static void
test_verify_refusals(void **state)
{
	static const struct {
		const char *field;
		const char *data;
	} cases[] = {
	    {"token", "{'secret': 'k'}"},
	    {"token", "{'token': 5, 'secret': 'k'}"},
	    {"secret", "{'token': 'a.b.c'}"},
	    {"secret", "{'token': 'a.b.c', 'secret': ''}"},
	    {"secret", "{'token': 'a.b.c', 'secret': {'$bin': ''}}"},
	    {"secret", "{'token': 'a.b.c', 'secret': null}"},
	    {"options.algorithms", "{'token': 'a', 'secret': 'k',"
				   " 'options': {'algorithms': []}}"},
	    {"options.algorithms", "{'token': 'a', 'secret': 'k',"
				   " 'options': {'algorithms': 'HS256'}}"},
	    {"options.algorithms",
		"{'token': 'a', 'secret': 'k',"
		" 'options': {'algorithms': ['HS256', 'none']}}"},
	    {"options.algorithms", "{'token': 'a', 'secret': 'k',"
				   " 'options': {'algorithms': ['hs256']}}"},
	    {"options.algorithms", "{'token': 'a', 'secret': 'k',"
				   " 'options': {'algorithms': [null]}}"},
	    {"options.algorithm", "{'token': 'a', 'secret': 'k',"
				  " 'options': {'algorithm': 'HS256'}}"},
	    {"options.issuer", "{'token': 'a', 'secret': 'k',"
			       " 'options': {'issuer': null}}"},
	    {"options.issuer", "{'token': 'a', 'secret': 'k',"
			       " 'options': {'issuer': []}}"},
	    {"options.audience", "{'token': 'a', 'secret': 'k',"
				 " 'options': {'audience': 7}}"},
	    {"options.clockTolerance", "{'token': 'a', 'secret': 'k',"
				       " 'options': {'clockTolerance': -1}}"},
	    {"options.clockTolerance", "{'token': 'a', 'secret': 'k',"
				       " 'options': {'clockTolerance': '5s'}}"},
	    {"options.ignoreExpiration",
		"{'token': 'a', 'secret': 'k',"
		" 'options': {'ignoreExpiration': 'true'}}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].field, VERIFY, "%s", cases[i].data);
}

static void
test_payloads_of_others(void **state)
{
	static const char *const bad[] = {"[1]", "5", "\"text\"", "null", "",
	    "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}",
	    "{\"a\":\"\xff\"}", "{\"a\":9223372036854775808}", "{\"a\":1e400}",
	    "{\"a\":NaN}"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		forge_rejected(forge_verify(forge_payload(bad[i]), "{}"),
		    "invalid token");
	forge_accepted(forge_verify(forge_payload(" {\n\"a\" : 1 }\n"), "{}"));
}

/* A payload deeper than an answer may be is not valid; no crash either. */
static void
test_deep_payload(void **state)
{
	char json[2 * 1000 + 16];
	int n;

	for (int depth = 30; depth < 1000; depth += 900) {
		n = sprintf(json, "{\"a\":");
		for (int i = 0; i < depth; i++)
			json[n++] = '[';
		for (int i = 0; i < depth; i++)
			json[n++] = ']';
		strcpy(json + n, "}");
		if (depth == 30)
			forge_accepted(forge_verify(forge_payload(json), "{}"));
		else
			forge_rejected(forge_verify(forge_payload(json), "{}"),
			    "invalid token");
	}
}

static void
test_wrong_secret(void **state)
{
	const char *token = forge_payload("{\"a\":1}");

	forge_rejected(tasking_ok(VERIFY, "{'token': '%s', 'secret': 'K'}",
			   token),
	    "invalid signature");
	forge_accepted(tasking_ok(VERIFY,
	    "{'token': '%s', 'secret': {'$bin': '6b'}}", token));
}

/* Headers that alternate, repeat or are long are each their own token's. */
static void
test_headers_in_turn(void **state)
{
	static const char *const headers[] = {
	    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"HS512\",\"kid\":\"one\"}",
	};
	static const char *const digests[] = {"SHA256", "SHA512", "SHA512"};
	char longer[1024];

	(void)state;
	for (int i = 0; i < 12; i++) {
		int k = (i * i + i / 2) % 3;

		forge_accepted(
		    forge_verify(forge_hmac(digests[k], headers[k], "{}", "k"),
			"{}"));
		forge_rejected(forge_verify(forge_hmac(digests[k], headers[k],
						"{}", "other"),
				   "{}"),
		    "invalid signature");
	}
	forge_rejected(forge_verify(forge_hmac("SHA256", headers[1], "{}", "k"),
			   "{}"),
	    "invalid signature");
	forge_rejected(forge_verify(forge_hmac("SHA512", headers[1], "{}", "k"),
			   "{'algorithms': ['HS256']}"),
	    "invalid algorithm");
	forge_rejected(forge_verify(forge_hmac("SHA256",
					"{\"alg\":\"HS256\",\"crit\":[]}", "{}",
					"k"),
			   "{}"),
	    "invalid token");
	snprintf(longer, sizeof longer, "{\"alg\":\"HS256\",\"kid\":\"%0*d\"}",
	    400, 7);
	forge_accepted(
	    forge_verify(forge_hmac("SHA256", longer, "{}", "k"), "{}"));
	forge_accepted(
	    forge_verify(forge_hmac("SHA256", longer, "{}", "k"), "{}"));
}

/* RFC 7519, 3.1: the token of RFC 7515, A.1, in other words. */
static void
test_rfc7519(void **state)
{
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
	    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	static const char key[] =
	    "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebf"
	    "d3fb5a92d20647ef968ab4c377623d223d2e2172052e4f08c0cd9af567d080a3";

	/* in the second before it expires, and then */
	forge_accepted(tasking_ok(VERIFY,
	    "{'token': '%s', 'secret': {'$bin': '%s'},"
	    " 'options': {'clockTimestamp': 1300819379}}",
	    token, key));
	forge_rejected(tasking_ok(VERIFY,
			   "{'token': '%s', 'secret': {'$bin': '%s'},"
			   " 'options': {'clockTimestamp': 1300819380}}",
			   token, key),
	    "jwt expired");
}

/* A typ that is asked for must be there, and no other. */
static void
test_typ(void **state)
{
	static const struct {
		const char *header;
		const char *options;
		const char *error; /* NULL: valid */
	} cases[] = {
	    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{}", "invalid token"},
	    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{'typ': 'at+jwt'}",
		NULL},
	    {"{\"alg\":\"HS256\",\"typ\":\"AT+JWT\"}", "{'typ': 'at+jwt'}",
		NULL},
	    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{'typ': 'at+jwt'}",
		"invalid token"},
	    {"{\"alg\":\"HS256\"}", "{'typ': 'at+jwt'}", "invalid token"},
	    {"{\"alg\":\"HS256\"}", "{'typ': 'JWT'}", "invalid token"},
	    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{'typ': 'JWT'}", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		forge_judged(forge_verify(forge_hmac("SHA256", cases[i].header,
					      "{}", "k"),
				 cases[i].options),
		    cases[i].error);
}

/* complete: the header comes, too, but only of a good token. */
static void
test_complete(void **state)
{
	const char *token = forge_hmac("SHA256",
	    "{\"alg\":\"HS256\",\"kid\":\"k1\",\"x5c\":[\"a\"]}", "{\"a\":1}",
	    "k");
	const msgpack_object *verdict, *header;

	verdict = forge_verify(token, "{'complete': true}");
	assert_int_equal(verdict->via.map.size, 3);
	assert_true(tasking_get(verdict, "valid")->via.boolean);
	header = tasking_get(verdict, "header");
	assert_non_null(header);
	assert_int_equal(header->via.map.size, 3);
	tasking_assert_str(tasking_get(header, "alg"), "HS256");
	tasking_assert_str(tasking_get(header, "kid"), "k1");
	assert_int_equal(tasking_get(header, "x5c")->via.array.size, 1);
	assert_non_null(tasking_get(verdict, "payload"));
	forge_accepted(forge_verify(token, "{'complete': false}"));
	forge_rejected(forge_verify_by("other", token, "{'complete': true}"),
	    "invalid signature");
}

/* raise: a bad token is an error whose message is the verdict's. */
static void
test_raise(void **state)
{
	const struct fault *f;

	forge_accepted(forge_verify(forge_payload("{}"), "{'raise': true}"));
	f = tasking_fails(VERIFY,
	    "{'token': '%s', 'secret': 'k', 'options': {'raise': true}}",
	    forge_payload("{\"exp\":1}"));
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
	assert_string_equal(f->message, "jwt expired");
	f = tasking_fails(VERIFY,
	    "{'token': '%s', 'secret': 'k',"
	    " 'options': {'raise': true, 'audience': ['a', 'b']}}",
	    forge_payload("{}"));
	assert_string_equal(f->message,
	    "jwt audience invalid. expected: a or b");
	f = tasking_fails(VERIFY,
	    "{'token': '', 'secret': 'k', 'options': {'raise': true}}");
	assert_string_equal(f->message, "jwt must be provided");
	/* a bad call stays one */
	tasking_refuses("secret", VERIFY,
	    "{'token': '', 'secret': '', 'options': {'raise': true}}");
}

static void
test_new_options_refused(void **state)
{
	static const struct {
		const char *field;
		const char *options;
	} cases[] = {
	    {"options.maxAge", "{'maxAge': -1}"},
	    {"options.maxAge", "{'maxAge': 3155760001}"},
	    {"options.maxAge", "{'maxAge': 'a day'}"},
	    {"options.maxAge", "{'maxAge': 1.5}"},
	    {"options.maxAge", "{'maxAge': null}"},
	    {"options.clockTimestamp", "{'clockTimestamp': -1}"},
	    {"options.clockTimestamp", "{'clockTimestamp': 9007199254740993}"},
	    {"options.clockTimestamp", "{'clockTimestamp': 1.5}"},
	    {"options.clockTimestamp", "{'clockTimestamp': 'now'}"},
	    {"options.jwtid", "{'jwtid': ''}"},
	    {"options.jwtid", "{'jwtid': ['a']}"},
	    {"options.nonce", "{'nonce': 5}"},
	    {"options.typ", "{'typ': ''}"},
	    {"options.typ", "{'typ': 'JWT\\u0000'}"},
	    {"options.ignoreNotBefore", "{'ignoreNotBefore': 1}"},
	    {"options.complete", "{'complete': 'true'}"},
	    {"options.raise", "{'raise': null}"},
	    {"options.algorithms",
		"{'algorithms': ['HS256', 'HS256', 'HS256', 'HS256', 'HS256',"
		" 'HS256', 'HS256', 'HS256', 'HS256', 'HS256', 'HS256',"
		" 'HS256', 'HS256', 'HS256', 'HS256', 'HS256', 'HS256']}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].field, VERIFY,
		    "{'token': 'a', 'secret': 'k', 'options': %s}",
		    cases[i].options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc7515),
	    cmocka_unit_test(test_jwt_io),
	    cmocka_unit_test(test_verify_refusals),
	    cmocka_unit_test(test_payloads_of_others),
	    cmocka_unit_test(test_deep_payload),
	    cmocka_unit_test(test_wrong_secret),
	    cmocka_unit_test(test_headers_in_turn),
	    cmocka_unit_test(test_rfc7519),
	    cmocka_unit_test(test_typ),
	    cmocka_unit_test(test_complete),
	    cmocka_unit_test(test_raise),
	    cmocka_unit_test(test_new_options_refused),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
