/* jwt:verify: times, and claims that are expected. */

#include "tests/unit/forge.h"

#include <stdio.h>
#include <time.h>

/* Verifies a token with one time, so many seconds from now. */
static const msgpack_object *
verify_time(const char *claim, int64_t from_now, const char *options)
{
	char payload[64];

	snprintf(payload, sizeof payload, "{\"%s\":%lld}", claim,
	    (long long)(time(NULL) + from_now));
	return forge_verify(forge_payload(payload), options);
}

static void
test_times(void **state)
{
	forge_accepted(verify_time("exp", 60, "{}"));
	forge_rejected(verify_time("exp", 0, "{}"), "jwt expired");
	forge_rejected(verify_time("exp", -60, "{}"), "jwt expired");
	forge_accepted(verify_time("exp", -60, "{'ignoreExpiration': true}"));
	forge_accepted(verify_time("exp", -60, "{'clockTolerance': 90}"));
	forge_rejected(verify_time("exp", -60, "{'clockTolerance': 60}"),
	    "jwt expired");
	forge_rejected(verify_time("exp", -60, "{'clockTolerance': 30}"),
	    "jwt expired");
	forge_accepted(verify_time("nbf", 0, "{}"));
	forge_accepted(verify_time("nbf", -60, "{}"));
	forge_rejected(verify_time("nbf", 60, "{}"), "jwt not active");
	forge_rejected(verify_time("nbf", 60, "{'ignoreExpiration': true}"),
	    "jwt not active");
	forge_accepted(verify_time("nbf", 60, "{'clockTolerance': 90}"));
	forge_rejected(verify_time("nbf", 60, "{'clockTolerance': 30}"),
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

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		forge_judged(forge_verify(forge_payload(cases[i].payload),
				 "{}"),
		    cases[i].error);
}

/* What each option of the time does at its edges. */
static void
test_clock(void **state)
{
	static const struct {
		const char *payload;
		const char *options;
		const char *error; /* NULL: valid */
	} cases[] = {
	    {"{\"nbf\":1000}", "{'clockTimestamp': 999}", "jwt not active"},
	    {"{\"nbf\":1000}", "{'clockTimestamp': 1000}", NULL},
	    {"{\"nbf\":1000}", "{'clockTimestamp': 0}", "jwt not active"},
	    {"{\"nbf\":1000}", "{'clockTimestamp': 990, 'clockTolerance': 10}",
		NULL},
	    {"{\"nbf\":9000000000}", "{'ignoreNotBefore': true}", NULL},
	    {"{\"nbf\":9000000000}", "{'ignoreNotBefore': false}",
		"jwt not active"},
	    {"{\"nbf\":\"soon\"}", "{'ignoreNotBefore': true}", NULL},
	    {"{\"nbf\":9000000000,\"exp\":1}", "{'ignoreNotBefore': true}",
		"jwt expired"},
	    {"{\"iat\":1000}", "{'clockTimestamp': 1059, 'maxAge': 60}", NULL},
	    {"{\"iat\":1000}", "{'clockTimestamp': 1060, 'maxAge': 60}",
		"maxAge exceeded"},
	    {"{\"iat\":1000}", "{'clockTimestamp': 1059, 'maxAge': '1m'}",
		NULL},
	    {"{\"iat\":1000}", "{'clockTimestamp': 1060, 'maxAge': '1m'}",
		"maxAge exceeded"},
	    {"{\"iat\":1000}",
		"{'clockTimestamp': 1060, 'maxAge': 60, 'clockTolerance': 1}",
		NULL},
	    {"{\"iat\":1000}", "{'clockTimestamp': 1000, 'maxAge': 0}",
		"maxAge exceeded"},
	    {"{\"iat\":1000.5}", "{'clockTimestamp': 1060, 'maxAge': 60}",
		NULL},
	    {"{\"iat\":1000}", "{'maxAge': '2w'}", "maxAge exceeded"},
	    {"{}", "{'maxAge': 60}", "iat required when maxAge is specified"},
	    {"{\"iat\":\"1000\"}", "{'maxAge': 60}",
		"iat required when maxAge is specified"},
	    {"{\"iat\":null}", "{'maxAge': 60}",
		"iat required when maxAge is specified"},
	    /* in npm's order: the claims come before the age */
	    {"{\"iat\":1000,\"iss\":\"a\"}", "{'maxAge': 60, 'issuer': 'b'}",
		"jwt issuer invalid. expected: b"},
	    {"{\"iat\":1000,\"exp\":1}", "{'maxAge': 60}", "jwt expired"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		forge_judged(forge_verify(forge_payload(cases[i].payload),
				 cases[i].options),
		    cases[i].error);
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

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		forge_judged(forge_verify(forge_payload(cases[i].payload),
				 cases[i].options),
		    cases[i].error);
}

static void
test_jwtid_and_nonce(void **state)
{
	const char *token = forge_payload("{\"jti\":\"id7\",\"nonce\":\"n1\"}");

	forge_accepted(forge_verify(token, "{'jwtid': 'id7', 'nonce': 'n1'}"));
	forge_rejected(forge_verify(token, "{'jwtid': 'id8', 'nonce': 'n1'}"),
	    "jwt jwtid invalid. expected: id8");
	forge_rejected(forge_verify(token, "{'jwtid': 'id7', 'nonce': 'n2'}"),
	    "jwt nonce invalid. expected: n2");
	forge_rejected(forge_verify(forge_payload("{}"), "{'jwtid': 'a'}"),
	    "jwt jwtid invalid. expected: a");
	forge_rejected(forge_verify(forge_payload("{\"nonce\":[\"a\"]}"),
			   "{'nonce': 'a'}"),
	    "jwt nonce invalid. expected: a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_odd_times),
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_expectations),
	    cmocka_unit_test(test_jwtid_and_nonce),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
