/* jwt:sign: what a payload may hold, and how it comes back. */

#include "tests/unit/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGN "jwt:sign"

static int64_t
number(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = tasking_get(map, key);

	assert_non_null(value);
	assert_true(value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
		    value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
	return value->via.i64;
}

/* Whatever JSON can say comes back as it went in. */
static void
test_payload_round_trip(void **state)
{
	const msgpack_object *payload = forge_accepted(
	    forge_verify(tasking_text(tasking_ok(SIGN,
			     "{'payload': {'max': 9223372036854775807,"
			     " 'min': -9223372036854775808, 'past': "
			     "9007199254740993,"
			     " 'f': 1.5, 'tiny': 5e-324, 'whole': 3.0, 'none': "
			     "null,"
			     " 'yes': true, 'no': false, '': 'empty name',"
			     " 'text': '\xe2\x82\xac \\n \\\\', 'list': [1, "
			     "[2, "
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
	forge_accepted(forge_verify(tasking_text(tasking_result()), "{}"));
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
	forge_accepted(
	    forge_verify(tasking_text(tasking_ok(SIGN,
			     "{'payload': {'a': '%s'}, 'secret': 'k'}", text)),
		"{}"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_payload_round_trip),
	    cmocka_unit_test(test_payload_refused),
	    cmocka_unit_test(test_payload_refused_msgpack),
	    cmocka_unit_test(test_payload_depth),
	    cmocka_unit_test(test_payload_count),
	    cmocka_unit_test(test_token_too_large),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
