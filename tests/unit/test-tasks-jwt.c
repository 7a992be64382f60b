/* jwt:sign and jwt:verify: known tokens, claims, options, forgeries. */

#include "tests/unit/tasking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#define SIGN "jwt:sign"
#define VERIFY "jwt:verify"
#define TOKEN_SIZE 4096

/* Appends base64url without padding. */
static void
append64(char *out, const void *bytes, size_t len)
{
	size_t at = strlen(out);

	sodium_bin2base64(out + at, TOKEN_SIZE - at, bytes, len,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Makes a token of any header and payload; good until the next. */
static const char *
forge(const char *md, const char *header, const char *payload,
    const char *secret)
{
	static char token[TOKEN_SIZE];
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	token[0] = '\0';
	append64(token, header, strlen(header));
	strcat(token, ".");
	append64(token, payload, strlen(payload));
	HMAC(EVP_get_digestbyname(md), secret, (int)strlen(secret),
	    (const uint8_t *)token, strlen(token), mac, &n);
	assert_true(n > 0);
	strcat(token, ".");
	append64(token, mac, n);
	return token;
}

/* A token with a good header. */
static const char *
forge_payload(const char *payload)
{
	return forge("SHA256", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload,
	    "k");
}

/* The payload of a token that must be valid. */
static const msgpack_object *
accepted(const msgpack_object *verdict)
{
	const msgpack_object *valid = tasking_get(verdict, "valid");

	assert_int_equal(valid->type, MSGPACK_OBJECT_BOOLEAN);
	if (!valid->via.boolean)
		fail_msg("not valid: %s",
		    tasking_text(tasking_get(verdict, "error")));
	assert_int_equal(verdict->via.map.size, 2);
	assert_non_null(tasking_get(verdict, "payload"));
	return tasking_get(verdict, "payload");
}

/* The verdict must be {valid: false, error}. */
static void
rejected(const msgpack_object *verdict, const char *error)
{
	const msgpack_object *valid = tasking_get(verdict, "valid");

	assert_int_equal(valid->type, MSGPACK_OBJECT_BOOLEAN);
	assert_false(valid->via.boolean);
	assert_int_equal(verdict->via.map.size, 2);
	tasking_assert_str(tasking_get(verdict, "error"), error);
}

/* Verifies with secret k and options. */
static const msgpack_object *
verify(const char *token, const char *options)
{
	return tasking_ok(VERIFY,
	    "{'token': '%s', 'secret': 'k', 'options': %s}", token, options);
}

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

	payload = accepted(tasking_ok(VERIFY,
	    "{'token': '%s', 'secret': {'$bin': '%s'},"
	    " 'options': {'ignoreExpiration': true, 'issuer': 'joe'}}",
	    token, key));
	tasking_assert_str(tasking_get(payload, "iss"), "joe");
	assert_int_equal(number(payload, "exp"), 1300819380);
	assert_true(
	    tasking_get(payload, "http://example.com/is_root")->via.boolean);
	rejected(tasking_ok(VERIFY, "{'token': '%s', 'secret': {'$bin': '%s'}}",
		     token, key),
	    "jwt expired");
}

/* The token that jwt.io has shown for years. */
static void
test_jwt_io(void **state)
{
	const msgpack_object *payload = accepted(tasking_ok(VERIFY,
	    "{'token': 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2"
	    "MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',"
	    " 'secret': 'your-256-bit-secret'}"));

	tasking_assert_str(tasking_get(payload, "sub"), "1234567890");
	tasking_assert_str(tasking_get(payload, "name"), "John Doe");
	assert_int_equal(number(payload, "iat"), 1516239022);
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

	payload = accepted(verify(tasking_text(tasking_ok(SIGN,
				      "{'payload': {'a': 1}, 'secret': 'k'}")),
	    "{}"));
	assert_int_equal(payload->via.map.size, 2);
	assert_true(number(payload, "iat") >= before);
	assert_true(number(payload, "iat") <= time(NULL));
	payload = accepted(verify(tasking_text(tasking_ok(SIGN,
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
		payload = accepted(
		    verify(tasking_text(tasking_ok(SIGN,
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

/* Whatever JSON can say comes back as it went in. */
static void
test_payload_round_trip(void **state)
{
	const msgpack_object *payload = accepted(
	    verify(tasking_text(tasking_ok(SIGN,
		       "{'payload': {'max': 9223372036854775807,"
		       " 'min': -9223372036854775808, 'past': 9007199254740993,"
		       " 'f': 1.5, 'tiny': 5e-324, 'whole': 3.0, 'none': null,"
		       " 'yes': true, 'no': false, '': 'empty name',"
		       " 'text': '\xe2\x82\xac \\n \\\\', 'list': [1, [2, "
		       "{'a': []}]]},"
		       " 'secret': 'k'}")),
		"{}"));

	assert_true(number(payload, "max") == INT64_MAX);
	assert_true(number(payload, "min") == INT64_MIN);
	assert_true(number(payload, "past") == 9007199254740993);
	assert_true(tasking_get(payload, "f")->via.f64 == 1.5);
	assert_true(tasking_get(payload, "tiny")->via.f64 == 5e-324);
	assert_int_equal(tasking_get(payload, "whole")->type,
	    MSGPACK_OBJECT_FLOAT64);
	assert_int_equal(tasking_get(payload, "none")->type,
	    MSGPACK_OBJECT_NIL);
	assert_true(tasking_get(payload, "yes")->via.boolean);
	assert_false(tasking_get(payload, "no")->via.boolean);
	tasking_assert_str(tasking_get(payload, ""), "empty name");
	tasking_assert_str(tasking_get(payload, "text"), "\xe2\x82\xac \n \\");
	assert_int_equal(tasking_get(payload, "list")->via.array.size, 2);
}

static void
test_payload_refused(void **state)
{
	static const struct {
		const char *path;
		const char *payload;
	} cases[] = {
	    {"payload", "5"},
	    {"payload", "[]"},
	    {"payload", "'text'"},
	    {"payload", "null"},
	    {"payload.a", "{'a': {'$bin': '00'}}"},
	    {"payload.a[1].b", "{'a': [1, {'b': {'$bin': ''}}]}"},
	    {"payload.a", "{'a': 'x\\u0000y'}"},
	    {"payload.exp", "{'exp': 'soon'}"},
	    {"payload.exp", "{'exp': null}"},
	    {"payload.nbf", "{'nbf': [1]}"},
	    {"payload.iat", "{'iat': 1e300}"},
	    {"payload.iat", "{'iat': 9223372036854775807}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		tasking_refuses(cases[i].path, SIGN,
		    "{'payload': %s, 'secret': 'k'}", cases[i].payload);
}

/* Signs {name: value} given as objects; the fault of the refusal. */
static const struct fault *
refuse_pair(msgpack_object name, msgpack_object value, uint32_t copies)
{
	msgpack_object_kv pair[2] = {{name, value}, {name, value}};
	msgpack_object_kv kv[2] = {
	    {tasking_str("payload", 7), {MSGPACK_OBJECT_MAP}},
	    {tasking_str("secret", 6), tasking_str("k", 1)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	kv[0].val.via.map.size = copies;
	kv[0].val.via.map.ptr = pair;
	assert_int_equal(tasking_run(SIGN, &data, TASKING_RESULT_MAX), -1);
	assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
	return tasking_fault();
}

/* What no JSON text could say in a test. */
static void
test_payload_refused_msgpack(void **state)
{
	msgpack_object a = tasking_str("a", 1), v = tasking_str("v", 1);
	msgpack_object o = {.type = MSGPACK_OBJECT_FLOAT64};

	o.via.f64 = __builtin_nan("");
	assert_string_equal(tasking_detail(refuse_pair(a, o, 1), "field"),
	    "payload.a");
	o.via.f64 = __builtin_inf();
	assert_string_equal(tasking_detail(refuse_pair(a, o, 1), "field"),
	    "payload.a");
	o.type = MSGPACK_OBJECT_POSITIVE_INTEGER;
	o.via.u64 = (uint64_t)INT64_MAX + 1;
	assert_string_equal(tasking_detail(refuse_pair(a, o, 1), "field"),
	    "payload.a");
	o.type = MSGPACK_OBJECT_EXT;
	o.via.ext.size = 0;
	assert_string_equal(tasking_detail(refuse_pair(a, o, 1), "field"),
	    "payload.a");
	o = tasking_str("\xff\xfe", 2);
	assert_string_equal(tasking_detail(refuse_pair(a, o, 1), "field"),
	    "payload.a");
	refuse_pair(o, v, 1);
	refuse_pair(tasking_str("a\0b", 3), v, 1);
	refuse_pair(tasking_bin("a", 1), v, 1);
	o.type = MSGPACK_OBJECT_POSITIVE_INTEGER;
	o.via.u64 = 7;
	assert_string_equal(tasking_detail(refuse_pair(o, v, 1), "field"),
	    "payload.(7)");
	tasking_assert_contains(refuse_pair(a, v, 2)->message, "twice");
}

/* Nesting: as deep as an answer can hold, and no deeper. */
static void
test_payload_depth(void **state)
{
	msgpack_object nested[32];
	msgpack_object_kv inner = {tasking_str("a", 1), {0}};
	msgpack_object_kv kv[2] = {
	    {tasking_str("payload", 7), {MSGPACK_OBJECT_MAP}},
	    {tasking_str("secret", 6), tasking_str("k", 1)},
	};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};

	for (int i = 0; i < 32; i++) {
		nested[i].type = MSGPACK_OBJECT_ARRAY;
		nested[i].via.array.size = i > 0 ? 1 : 0;
		nested[i].via.array.ptr = i > 0 ? &nested[i - 1] : NULL;
	}
	kv[0].val.via.map.size = 1;
	kv[0].val.via.map.ptr = &inner;
	inner.val = nested[29]; /* 30 arrays in the payload's map: 31 */
	assert_int_equal(tasking_run(SIGN, &data, TASKING_RESULT_MAX), 0);
	accepted(verify(tasking_text(tasking_result()), "{}"));
	inner.val = nested[30];
	assert_int_equal(tasking_run(SIGN, &data, TASKING_RESULT_MAX), -1);
	assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
	tasking_assert_contains(tasking_fault()->message, "nested too deep");
}

static void
test_payload_count(void **state)
{
	char *json = malloc(65536);
	size_t n = 0;

	n += (size_t)sprintf(json, "{'a': [0");
	for (int i = 0; i < 9997; i++)
		n += (size_t)sprintf(json + n, ",0");
	strcpy(json + n, "]}");
	tasking_ok(SIGN, "{'payload': %s, 'secret': 'k'}", json);
	strcpy(json + n, ",0]}");
	assert_int_equal(tasking_fails(SIGN, "{'payload': %s, 'secret': 'k'}",
			     json)
			     ->code,
	    CODE_INVALID_ARGUMENT);
	free(json);
}

/* A token that could not be verified here is not made. */
static void
test_token_too_large(void **state)
{
	char *text = malloc(65536);
	const struct fault *f;

	memset(text, 'x', 65535);
	text[65535] = '\0';
	f = tasking_fails(SIGN, "{'payload': {'a': '%s'}, 'secret': 'k'}",
	    text);
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"), 65536);
	text[40000] = '\0';
	accepted(verify(tasking_text(tasking_ok(SIGN,
			    "{'payload': {'a': '%s'}, 'secret': 'k'}", text)),
	    "{}"));
	free(text);
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
		verdict = verify(forge(cases[i].md, header, "{\"a\":1}", "k"),
		    cases[i].options);
		if (cases[i].error != NULL)
			rejected(verdict, cases[i].error);
		else
			accepted(verdict);
	}
}

static void
test_payloads_of_others(void **state)
{
	static const char *const bad[] = {"[1]", "5", "\"text\"", "null", "",
	    "{", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}",
	    "{\"a\":\"\xff\"}", "{\"a\":9223372036854775808}", "{\"a\":1e400}",
	    "{\"a\":NaN}"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		rejected(verify(forge_payload(bad[i]), "{}"), "invalid token");
	accepted(verify(forge_payload(" {\n\"a\" : 1 }\n"), "{}"));
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
			accepted(verify(forge_payload(json), "{}"));
		else
			rejected(verify(forge_payload(json), "{}"),
			    "invalid token");
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
	accepted(tasking_result());
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
	char json[TOKEN_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(json, sizeof json, cases[i].format, good);
		rejected(verify(json, "{}"), cases[i].error);
	}
	rejected(verify("", "{}"), "jwt must be provided");
	rejected(verify("abc", "{}"), "jwt malformed");
	rejected(verify("a.b", "{}"), "jwt malformed");
	rejected(verify("..", "{}"), "invalid token");
	rejected(verify("a..", "{}"), "invalid token");
	rejected(verify("***.***.***", "{}"), "invalid token");
	*signature = '\0';
	rejected(verify(good, "{}"), "jwt signature is required");
	/* 32 bytes leave two unused bits in the last of 43 characters */
	free(good);
	good = strdup(forge_payload("{\"a\":1}"));
	good[strlen(good) - 1]++;
	rejected(verify(good, "{}"), "invalid token");
	free(good);
}

static void
test_alg_none(void **state)
{
	char token[TOKEN_SIZE] = "";

	append64(token, "{\"alg\":\"none\"}", 14);
	strcat(token, ".");
	append64(token, "{\"a\":1}", 7);
	rejected(verify(token, "{}"), "jwt malformed");
	strcat(token, ".");
	rejected(verify(token, "{}"), "jwt signature is required");
	strcat(token, "AA");
	rejected(verify(token, "{}"), "invalid algorithm");
}

static void
test_wrong_secret(void **state)
{
	const char *token = forge_payload("{\"a\":1}");

	rejected(tasking_ok(VERIFY, "{'token': '%s', 'secret': 'K'}", token),
	    "invalid signature");
	accepted(tasking_ok(VERIFY, "{'token': '%s', 'secret': {'$bin': '6b'}}",
	    token));
}

static void
test_long_token(void **state)
{
	char *token = malloc(70000);

	memset(token, 'A', 70000);
	token[69999] = '\0';
	rejected(verify(token, "{}"), "jwt malformed");
	token[65536] = '\0';
	token[10] = token[20] = '.';
	rejected(verify(token, "{}"), "invalid token");
	free(token);
}

/* Verifies a token with one time, so many seconds from now. */
static const msgpack_object *
verify_time(const char *claim, int64_t from_now, const char *options)
{
	char payload[64];

	snprintf(payload, sizeof payload, "{\"%s\":%lld}", claim,
	    (long long)(time(NULL) + from_now));
	return verify(forge_payload(payload), options);
}

static void
test_times(void **state)
{
	accepted(verify_time("exp", 60, "{}"));
	rejected(verify_time("exp", 0, "{}"), "jwt expired");
	rejected(verify_time("exp", -60, "{}"), "jwt expired");
	accepted(verify_time("exp", -60, "{'ignoreExpiration': true}"));
	accepted(verify_time("exp", -60, "{'clockTolerance': 90}"));
	rejected(verify_time("exp", -60, "{'clockTolerance': 60}"),
	    "jwt expired");
	rejected(verify_time("exp", -60, "{'clockTolerance': 30}"),
	    "jwt expired");
	accepted(verify_time("nbf", 0, "{}"));
	accepted(verify_time("nbf", -60, "{}"));
	rejected(verify_time("nbf", 60, "{}"), "jwt not active");
	rejected(verify_time("nbf", 60, "{'ignoreExpiration': true}"),
	    "jwt not active");
	accepted(verify_time("nbf", 60, "{'clockTolerance': 90}"));
	rejected(verify_time("nbf", 60, "{'clockTolerance': 30}"),
	    "jwt not active");
}

static void
test_odd_times(void **state)
{
	static const struct {
		const char *payload;
		const char *error; /* NULL: valid */
	} cases[] = {
	    {"{\"exp\":\"soon\"}", "invalid exp value"},
	    {"{\"exp\":null}", "invalid exp value"},
	    {"{\"exp\":true}", "invalid exp value"},
	    {"{\"exp\":[9999999999]}", "invalid exp value"},
	    {"{\"nbf\":\"now\"}", "invalid nbf value"},
	    {"{\"nbf\":{}}", "invalid nbf value"},
	    {"{\"exp\":1}", "jwt expired"},
	    {"{\"exp\":0}", "jwt expired"},
	    {"{\"exp\":-1}", "jwt expired"},
	    {"{\"exp\":1.5}", "jwt expired"},
	    {"{\"exp\":1e300}", NULL},
	    {"{\"exp\":9223372036854775807}", NULL},
	    {"{\"exp\":-9223372036854775808}", "jwt expired"},
	    {"{\"nbf\":9223372036854775807}", "jwt not active"},
	    {"{\"nbf\":-9223372036854775808}", NULL},
	    {"{\"iat\":\"whenever\"}", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const msgpack_object *verdict =
		    verify(forge_payload(cases[i].payload), "{}");

		if (cases[i].error != NULL)
			rejected(verdict, cases[i].error);
		else
			accepted(verdict);
	}
}

static void
test_expectations(void **state)
{
	static const struct {
		const char *payload;
		const char *options;
		const char *error; /* NULL: valid */
	} cases[] = {
	    {"{\"iss\":\"me\"}", "{'issuer': 'me'}", NULL},
	    {"{\"iss\":\"me\"}", "{'issuer': ['you', 'me']}", NULL},
	    {"{\"iss\":\"me\"}", "{'issuer': 'you'}",
		"jwt issuer invalid. expected: you"},
	    {"{\"iss\":\"me\"}", "{'issuer': ['you', 'she']}",
		"jwt issuer invalid. expected: you,she"},
	    {"{\"iss\":\"me2\"}", "{'issuer': 'me'}",
		"jwt issuer invalid. expected: me"},
	    {"{\"iss\":[\"me\"]}", "{'issuer': 'me'}",
		"jwt issuer invalid. expected: me"},
	    {"{}", "{'issuer': 'me'}", "jwt issuer invalid. expected: me"},
	    {"{\"aud\":\"a\"}", "{'audience': 'a'}", NULL},
	    {"{\"aud\":[\"b\",\"a\"]}", "{'audience': 'a'}", NULL},
	    {"{\"aud\":[\"b\",\"a\"]}", "{'audience': ['c', 'a']}", NULL},
	    {"{\"aud\":[\"b\"]}", "{'audience': ['c', 'a']}",
		"jwt audience invalid. expected: c or a"},
	    {"{\"aud\":[]}", "{'audience': 'a'}",
		"jwt audience invalid. expected: a"},
	    {"{\"aud\":5}", "{'audience': 'a'}",
		"jwt audience invalid. expected: a"},
	    {"{}", "{'audience': 'a'}", "jwt audience invalid. expected: a"},
	    {"{\"sub\":\"s\"}", "{'subject': 's'}", NULL},
	    {"{\"sub\":\"s\"}", "{'subject': 't'}",
		"jwt subject invalid. expected: t"},
	    {"{\"sub\":[\"s\"]}", "{'subject': 's'}",
		"jwt subject invalid. expected: s"},
	    {"{\"exp\":1,\"iss\":\"me\"}", "{'issuer': 'you'}", "jwt expired"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const msgpack_object *verdict =
		    verify(forge_payload(cases[i].payload), cases[i].options);

		if (cases[i].error != NULL)
			rejected(verdict, cases[i].error);
		else
			accepted(verdict);
	}
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

		accepted(
		    verify(forge(digests[k], headers[k], "{}", "k"), "{}"));
		rejected(verify(forge(digests[k], headers[k], "{}", "other"),
			     "{}"),
		    "invalid signature");
	}
	rejected(verify(forge("SHA256", headers[1], "{}", "k"), "{}"),
	    "invalid signature");
	rejected(verify(forge("SHA512", headers[1], "{}", "k"),
		     "{'algorithms': ['HS256']}"),
	    "invalid algorithm");
	rejected(verify(forge("SHA256", "{\"alg\":\"HS256\",\"crit\":[]}", "{}",
			    "k"),
		     "{}"),
	    "invalid token");
	snprintf(longer, sizeof longer, "{\"alg\":\"HS256\",\"kid\":\"%0*d\"}",
	    400, 7);
	accepted(verify(forge("SHA256", longer, "{}", "k"), "{}"));
	accepted(verify(forge("SHA256", longer, "{}", "k"), "{}"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc7515),
	    cmocka_unit_test(test_jwt_io),
	    cmocka_unit_test(test_known_signatures),
	    cmocka_unit_test(test_all_options),
	    cmocka_unit_test(test_timestamp),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_durations_refused),
	    cmocka_unit_test(test_payload_round_trip),
	    cmocka_unit_test(test_payload_refused),
	    cmocka_unit_test(test_payload_refused_msgpack),
	    cmocka_unit_test(test_payload_depth),
	    cmocka_unit_test(test_payload_count),
	    cmocka_unit_test(test_token_too_large),
	    cmocka_unit_test(test_conflicts),
	    cmocka_unit_test(test_sign_refusals),
	    cmocka_unit_test(test_verify_refusals),
	    cmocka_unit_test(test_pem_refused),
	    cmocka_unit_test(test_algorithms),
	    cmocka_unit_test(test_payloads_of_others),
	    cmocka_unit_test(test_deep_payload),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_alg_none),
	    cmocka_unit_test(test_wrong_secret),
	    cmocka_unit_test(test_long_token),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_odd_times),
	    cmocka_unit_test(test_expectations),
	    cmocka_unit_test(test_headers_in_turn),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
