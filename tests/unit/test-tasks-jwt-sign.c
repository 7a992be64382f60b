/* jwt:sign: known tokens, claims, header, options, refusals. */

#include "tests/unit/forge.h"

#include <string.h>
#include <time.h>

#include <sodium.h>

#define SIGN "jwt:sign"
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

/* What Python's hmac makes of the same claims, names sorted. */
static void
test_known_signatures(void **state)
{
	static const struct {
		const char *algorithm;
		const char *token;
	} cases[] = {
	    {"HS256",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhZG1pbiI6dHJ1ZSwiaWF"
		"0IjoxNTE2MjM5MDIyLCJuIjp7IngiOlsxLC0yLG51bGwsIsOpIl19LCJuYW1"
		"lIjoiSm9obiBEb2UiLCJzdWIiOiIxMjM0NTY3ODkwIn0._wUsLKZyVCM4kwi"
		"9zKu45_FpAeYC8n_uQCaVf9HVsx4"},
	    {"HS384",
		"eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJhZG1pbiI6dHJ1ZSwiaWF"
		"0IjoxNTE2MjM5MDIyLCJuIjp7IngiOlsxLC0yLG51bGwsIsOpIl19LCJuYW1"
		"lIjoiSm9obiBEb2UiLCJzdWIiOiIxMjM0NTY3ODkwIn0.fNI2mkZN9mfSUNU"
		"2vdUu2OFzxvAEaWEu8FWeiqxKnOKp_OfXD4Ix75Y4nHHEpWgT"},
	    {"HS512",
		"eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJhZG1pbiI6dHJ1ZSwiaWF"
		"0IjoxNTE2MjM5MDIyLCJuIjp7IngiOlsxLC0yLG51bGwsIsOpIl19LCJuYW1"
		"lIjoiSm9obiBEb2UiLCJzdWIiOiIxMjM0NTY3ODkwIn0.se_oi5xopbSulSp"
		"aUcmnyHCcD-BhRlDo5EOmAB-RLO5cC3bvkW_UVjAOnYP2BbJ-OYcP4WjW8w0"
		"Oe5caDQ_qGA"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_assert_str(tasking_ok(SIGN,
				       "{'payload': {'sub': '1234567890', "
				       "'name': 'John Doe',"
				       " 'iat': 1516239022, 'admin': true,"
				       " 'n': {'x': [1, -2, null, "
				       "'\xc3\xa9']}},"
				       " 'secret': 'your-256-bit-secret',"
				       " 'options': {'algorithm': '%s'}}",
				       cases[i].algorithm),
		    cases[i].token);
}

/* Every option at once, as Python makes the same token. */
static void
test_all_options(void **state)
{
	tasking_assert_str(tasking_ok(SIGN, "{'payload': {'user': 7, 'iat': "
					    "1000000}, 'secret': 's3cret',"
					    " 'options': {'algorithm': "
					    "'HS256', 'expiresIn': 60,"
					    " 'notBefore': '30s', 'issuer': "
					    "'me', 'audience': ['a', 'b'],"
					    " 'subject': 'you', 'jwtid': "
					    "'id7', 'keyid': 'k1'}}"),
	    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJhdWQi"
	    "OlsiYSIsImIiXSwiZXhwIjoxMDAwMDYwLCJpYXQiOjEwMDAwMDAsImlzcyI6"
	    "Im1lIiwianRpIjoiaWQ3IiwibmJmIjoxMDAwMDMwLCJzdWIiOiJ5b3UiLCJ1"
	    "c2VyIjo3fQ.r8dDRr2NOP9HRUSeTfY3yZ3tVOmwqL-374O9ngwsb10");
}

static void
test_timestamp(void **state)
{
	const msgpack_object *payload;
	int64_t before = time(NULL);

	payload = forge_accepted(
	    forge_verify(tasking_text(tasking_ok(SIGN,
			     "{'payload': {'a': 1}, 'secret': 'k'}")),
		"{}"));
	assert_int_equal(payload->via.map.size, 2);
	assert_true(number(payload, "iat") >= before);
	assert_true(number(payload, "iat") <= time(NULL));
	payload = forge_accepted(
	    forge_verify(tasking_text(tasking_ok(SIGN,
			     "{'payload': {'a': 1}, 'secret': 'k',"
			     " 'options': {'noTimestamp': true}}")),
		"{}"));
	assert_int_equal(payload->via.map.size, 1);
	assert_int_equal(number(payload, "a"), 1);
}

static void
test_durations(void **state)
{
	static const struct {
		const char *given;
		int64_t seconds;
	} cases[] = {
	    {"3600", 3600},
	    {"0", 0},
	    {"-10", -10},
	    {"'3600'", 3600},
	    {"'90s'", 90},
	    {"'15m'", 900},
	    {"'12h'", 43200},
	    {"'7d'", 604800},
	    {"'2w'", 1209600},
	    {"'2500ms'", 2},
	    {"'1.5h'", 5400},
	};
	const msgpack_object *payload;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		payload = forge_accepted(
		    forge_verify(tasking_text(tasking_ok(SIGN,
				     "{'payload': {'iat': 1000}, 'secret': 'k',"
				     " 'options': {'expiresIn': %s}}",
				     cases[i].given)),
			"{'ignoreExpiration': true}"));
		assert_int_equal(number(payload, "exp"),
		    1000 + cases[i].seconds);
	}
}

static void
test_durations_refused(void **state)
{
	static const char *const bad[] = {"''", "'7 days'", "'7x'", "'-7d'",
	    "'d'", "'1e3'", "'7d '", "' 7d'", "'7d\\u0000x'", "1.5", "true",
	    "[7]", "null", "3155760001", "-3155760001",
	    "'99999999999999999999d'"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		tasking_refuses("options.expiresIn", SIGN,
		    "{'payload': {}, 'secret': 'k',"
		    " 'options': {'expiresIn': %s}}",
		    bad[i]);
		tasking_refuses("options.notBefore", SIGN,
		    "{'payload': {}, 'secret': 'k',"
		    " 'options': {'notBefore': %s}}",
		    bad[i]);
	}
}

static void
test_conflicts(void **state)
{
	static const struct {
		const char *field;
		const char *payload;
		const char *options;
	} cases[] = {
	    {"options.expiresIn", "{'exp': 5}", "{'expiresIn': 5}"},
	    {"options.notBefore", "{'nbf': 5}", "{'notBefore': 5}"},
	    {"options.issuer", "{'iss': 'a'}", "{'issuer': 'a'}"},
	    {"options.audience", "{'aud': 'a'}", "{'audience': 'a'}"},
	    {"options.subject", "{'sub': 'a'}", "{'subject': 'a'}"},
	    {"options.jwtid", "{'jti': 'a'}", "{'jwtid': 'a'}"},
	    {"options.noTimestamp", "{'iat': 5}", "{'noTimestamp': true}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].field, SIGN,
		    "{'payload': %s, 'secret': 'k', 'options': %s}",
		    cases[i].payload, cases[i].options);
}

static void
test_sign_refusals(void **state)
{
	static const struct {
		const char *field;
		const char *data;
	} cases[] = {
	    {"payload", "{'secret': 'k'}"},
	    {"secret", "{'payload': {}}"},
	    {"secret", "{'payload': {}, 'secret': ''}"},
	    {"secret", "{'payload': {}, 'secret': {'$bin': ''}}"},
	    {"secret", "{'payload': {}, 'secret': 5}"},
	    {"options", "{'payload': {}, 'secret': 'k', 'options': []}"},
	    {"options", "{'payload': {}, 'secret': 'k', 'options': null}"},
	    {"expiresin", "{'payload': {}, 'secret': 'k', 'expiresin': 5}"},
	    {"options.expiresin", "{'payload': {}, 'secret': 'k',"
				  " 'options': {'expiresin': 5}}"},
	    {"options.algorithm", "{'payload': {}, 'secret': 'k',"
				  " 'options': {'algorithm': 'none'}}"},
	    {"options.algorithm", "{'payload': {}, 'secret': 'k',"
				  " 'options': {'algorithm': 'hs256'}}"},
	    {"options.algorithm", "{'payload': {}, 'secret': 'k',"
				  " 'options': {'algorithm': 'RS256'}}"},
	    {"options.issuer", "{'payload': {}, 'secret': 'k',"
			       " 'options': {'issuer': ''}}"},
	    {"options.issuer", "{'payload': {}, 'secret': 'k',"
			       " 'options': {'issuer': ['a']}}"},
	    {"options.issuer", "{'payload': {}, 'secret': 'k',"
			       " 'options': {'issuer': 'a\\u0000'}}"},
	    {"options.audience", "{'payload': {}, 'secret': 'k',"
				 " 'options': {'audience': []}}"},
	    {"options.audience[1]", "{'payload': {}, 'secret': 'k',"
				    " 'options': {'audience': ['a', 5]}}"},
	    {"options.keyid", "{'payload': {}, 'secret': 'k',"
			      " 'options': {'keyid': 'a\\u0000b'}}"},
	    {"options.noTimestamp", "{'payload': {}, 'secret': 'k',"
				    " 'options': {'noTimestamp': 1}}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].field, SIGN, "%s", cases[i].data);
}

/* The header of a token that is made with options, in text. */
static const char *
header_of(const char *options)
{
	static char header[FORGE_SIZE];
	const char *token = tasking_text(tasking_ok(SIGN,
	    "{'payload': {}, 'secret': 'k', 'options': %s}", options));
	size_t n = 0;

	assert_int_equal(sodium_base642bin((unsigned char *)header,
			     sizeof header - 1, token, strcspn(token, "."),
			     NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	header[n] = '\0';
	return header;
}

/* What a header is given, it has; names are sorted. */
static void
test_header(void **state)
{
	assert_string_equal(header_of("{}"),
	    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
	assert_string_equal(header_of("{'header': {}}"),
	    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
	assert_string_equal(header_of("{'header': {'typ': 'at+jwt', 'cty': "
				      "'x', 'kid': 'k1',"
				      " 'x5t': 'abc', 'x5c': ['a', 'b'], 'n': "
				      "{'a': 1.5}}}"),
	    "{\"alg\":\"HS256\",\"cty\":\"x\",\"kid\":\"k1\",\"n\":{\"a\":1.5},"
	    "\"typ\":\"at+jwt\",\"x5c\":[\"a\",\"b\"],\"x5t\":\"abc\"}");
	assert_string_equal(header_of(
				"{'header': {'x5t': 'abc'}, 'keyid': 'k1'}"),
	    "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\",\"x5t\":"
	    "\"abc\"}");
	assert_string_equal(header_of("{'header': {'alg': 'HS384'}, "
				      "'algorithm': 'HS384'}"),
	    "{\"alg\":\"HS384\",\"typ\":\"JWT\"}");
}

static void
test_header_refused(void **state)
{
	static const struct {
		const char *field;
		const char *options;
	} cases[] = {
	    {"options.header", "{'header': 'typ'}"},
	    {"options.header", "{'header': ['typ']}"},
	    {"options.header.alg", "{'header': {'alg': 'none'}}"},
	    {"options.header.alg", "{'header': {'alg': 'HS512'}}"},
	    {"options.header.alg", "{'header': {'alg': 'RS256'}}"},
	    {"options.header.alg", "{'header': {'alg': 'hs256'}}"},
	    {"options.header.alg", "{'header': {'alg': null}}"},
	    {"options.header.alg",
		"{'header': {'alg': 'HS256'}, 'algorithm': 'HS384'}"},
	    {"options.header.crit", "{'header': {'crit': ['exp']}}"},
	    {"options.header.crit", "{'header': {'crit': null}}"},
	    {"options.header.b64", "{'header': {'b64': false}}"},
	    {"options.header.b64", "{'header': {'b64': true}}"},
	    {"options.header.typ", "{'header': {'typ': 5}}"},
	    {"options.header.cty", "{'header': {'cty': ['JWT']}}"},
	    {"options.header.kid", "{'header': {'kid': 7}}"},
	    {"options.header.x5t", "{'header': {'x5t': {'$bin': '00'}}}"},
	    {"options.header.x", "{'header': {'x': 'a\\u0000'}}"},
	    {"options.keyid", "{'header': {'kid': 'a'}, 'keyid': 'b'}"},
	    {"options.keyid", "{'header': {'kid': 'a'}, 'keyid': 'a'}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].field, SIGN,
		    "{'payload': {}, 'secret': 'k', 'options': %s}",
		    cases[i].options);
}

/* `key` is another name for `secret`, not a second one. */
static void
test_key_alias(void **state)
{
	forge_accepted(tasking_ok(VERIFY, "{'token': '%s', 'key': 'k'}",
	    tasking_text(tasking_ok(SIGN, "{'payload': {}, 'key': 'k'}"))));
	tasking_refuses("secret", SIGN,
	    "{'payload': {}, 'key': 'k', 'secret': 'k'}");
	tasking_refuses("secret", SIGN, "{'payload': {}, 'key': ''}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_signatures),
	    cmocka_unit_test(test_all_options),
	    cmocka_unit_test(test_timestamp),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_durations_refused),
	    cmocka_unit_test(test_conflicts),
	    cmocka_unit_test(test_sign_refusals),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_header_refused),
	    cmocka_unit_test(test_key_alias),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
