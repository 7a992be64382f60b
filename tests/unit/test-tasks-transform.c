/* json:transform: what it refuses, what it gives, and what it does not do. */

#include "tests/unit/tasking.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jq.h>

#include "worker/tasks/transform-filter.h"
#include "worker/tasks/transform-program.h"
#include "worker/tasks/transform-text.h"
#include "worker/tasks/transform-value.h"

#define TYPE "json:transform"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Expects JSON text as the result of data and a filter. */
static void
gives(const char *wanted, const char *data, const char *filter)
{
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': %s, 'filter': '%s', 'format': 'json'}",
			       data, filter),
	    wanted);
}

/* Data of a map with two or three fields, the last of which may be NULL. */
static msgpack_object
fields(msgpack_object_kv kv[3], const msgpack_object *data, const char *filter,
    const msgpack_object *json)
{
	msgpack_object map = {.type = MSGPACK_OBJECT_MAP};
	uint32_t n = 0;

	if (data != NULL)
		kv[n++] = (msgpack_object_kv){tasking_str("data", 4), *data};
	if (json != NULL)
		kv[n++] = (msgpack_object_kv){tasking_str("json", 4), *json};
	kv[n++] = (msgpack_object_kv){tasking_str("filter", 6),
	    tasking_str(filter, strlen(filter))};
	map.via.map.ptr = kv;
	map.via.map.size = n;
	return map;
}

/* Runs the identity on a value. */
static int
run_value(const msgpack_object *value)
{
	msgpack_object_kv kv[3];
	msgpack_object map = fields(kv, value, ".", NULL);

	return tasking_run(TYPE, &map, TASKING_RESULT_MAX);
}

/* Runs the identity on a JSON text. */
static int
run_text(const char *text, size_t len)
{
	msgpack_object_kv kv[3];
	msgpack_object json = tasking_bin(text, len);
	msgpack_object map = fields(kv, NULL, ".", &json);

	return tasking_run(TYPE, &map, TASKING_RESULT_MAX);
}

/* Expects a refusal that names the field and says why. */
static void
assert_refused(const char *field, const char *part)
{
	const struct fault *f = tasking_fault();

	assert_int_equal(f->code, CODE_INVALID_ARGUMENT);
	assert_string_equal(tasking_detail(f, "field"), field);
	tasking_assert_contains(f->message, part);
}

static void
test_results(void **state)
{
	const msgpack_object *r;

	r = tasking_ok(TYPE, "{'data': {'a': [1, 2]}, 'filter': '.a | add'}");
	assert_int_equal(r->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	assert_int_equal(r->via.u64, 3);
	r = tasking_ok(TYPE, "{'data': null, 'filter': '.'}");
	assert_int_equal(r->type, MSGPACK_OBJECT_NIL);
	r = tasking_ok(TYPE,
	    "{'data': [true, false, '', {}, []], 'filter': '.'}");
	assert_int_equal(r->type, MSGPACK_OBJECT_ARRAY);
	assert_int_equal(r->via.array.size, 5);
	assert_true(r->via.array.ptr[0].via.boolean);
	assert_false(r->via.array.ptr[1].via.boolean);
	tasking_assert_str(&r->via.array.ptr[2], "");
	assert_int_equal(r->via.array.ptr[3].via.map.size, 0);
	assert_int_equal(r->via.array.ptr[4].via.array.size, 0);
	gives("{\"b\":1,\"a\":[2.5,\"x\"]}", "{'b': 1, 'a': [2.5, 'x']}", ".");
}

static void
test_numbers_of_results(void **state)
{
	const msgpack_object *r, *at;

	r = tasking_ok(TYPE,
	    "{'data': null, 'filter': '[3.0, -7, 1.5, -0, nan, infinite, "
	    "-infinite, 9007199254740992, 1e17]'}");
	at = r->via.array.ptr;
	assert_int_equal(at[0].type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	assert_int_equal(at[0].via.u64, 3);
	assert_int_equal(at[1].via.i64, -7);
	assert_int_equal(at[2].type, MSGPACK_OBJECT_FLOAT64);
	assert_true(at[2].via.f64 == 1.5);
	assert_int_equal(at[3].type, MSGPACK_OBJECT_FLOAT64);
	assert_true(at[3].via.f64 == 0 && signbit(at[3].via.f64));
	assert_int_equal(at[4].type, MSGPACK_OBJECT_NIL);
	assert_true(at[5].via.f64 > 1.79e308 && isfinite(at[5].via.f64));
	assert_true(at[6].via.f64 < -1.79e308 && isfinite(at[6].via.f64));
	assert_int_equal(at[7].type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	assert_int_equal(at[7].via.u64, (uint64_t)1 << 53);
	assert_int_equal(at[8].type, MSGPACK_OBJECT_FLOAT64);
}

static void
test_outputs(void **state)
{
	const struct fault *f;
	const msgpack_object *r;

	f = tasking_fails(TYPE, "{'data': [1, 2], 'filter': '.[]'}");
	assert_int_equal(f->code, CODE_WORKER_ERROR);
	assert_string_equal(f->reason, "failed");
	tasking_assert_contains(f->message, "more than one output");
	f = tasking_fails(TYPE, "{'data': [], 'filter': '.[]'}");
	tasking_assert_contains(f->message, "no output");
	f = tasking_fails(TYPE,
	    "{'data': [], 'filter': '.[]', 'outputs': 'first'}");
	tasking_assert_contains(f->message, "no output");
	/* an endless program whose second output is one too many */
	tasking_fails(TYPE, "{'data': 1, 'filter': 'repeat(.)'}");
	r = tasking_ok(TYPE,
	    "{'data': 1, 'filter': 'repeat(.)', 'outputs': 'first'}");
	assert_int_equal(r->via.i64, 1);
	r = tasking_ok(TYPE,
	    "{'data': [1, 2], 'filter': '.[]', 'outputs': 'all'}");
	assert_int_equal(r->via.array.size, 2);
	r = tasking_ok(TYPE, "{'data': [], 'filter': '.[]', 'outputs': 'all'}");
	assert_int_equal(r->via.array.size, 0);
	tasking_refuses("outputs", TYPE,
	    "{'data': 1, 'filter': '.', 'outputs': 'two'}");
}

static void
test_formats(void **state)
{
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, {'a': null}, 'x\\n'], 'filter': "
			       "'.[]', 'format': 'lines'}"),
	    "1\n{\"a\":null}\n\"x\\n\"\n");
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [], 'filter': '.[]', 'format': "
			       "'lines'}"),
	    "");
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, 2], 'filter': '.[]', 'format': "
			       "'json', 'outputs': 'all'}"),
	    "[1,2]");
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, 2], 'filter': '.[]', 'format': "
			       "'lines', 'outputs': 'first'}"),
	    "1\n");
	tasking_fails(TYPE,
	    "{'data': [1, 2], 'filter': '.[]', 'format': 'lines', 'outputs': "
	    "'one'}");
	tasking_refuses("format", TYPE,
	    "{'data': 1, 'filter': '.', 'format': 'yaml'}");
}

static void
test_each(void **state)
{
	const struct fault *f;

	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, 2, 3], 'filter': 'select(. > 1) "
			       "| ., -.', 'each': true, 'format': 'json'}"),
	    "[2,-2,3,-3]");
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, 2, 3], 'filter': 'select(. > 1) "
			       "| ., -.', 'each': true, 'outputs': 'first', "
			       "'format': 'json'}"),
	    "[2,3]");
	tasking_assert_str(tasking_ok(TYPE,
			       "{'json': '[]', 'filter': '.', 'each': true, "
			       "'outputs': 'one', 'format': 'json'}"),
	    "[]");
	f = tasking_fails(TYPE,
	    "{'data': [1, 2], 'filter': 'select(. < 2)', 'each': true, "
	    "'outputs': 'one'}");
	tasking_assert_contains(f->message, "no output at data[1]");
	f = tasking_fails(TYPE,
	    "{'json': '[1, {}]', 'filter': '. + 1', 'each': true}");
	tasking_assert_contains(f->message, "jq: error at json[1]: object");
	tasking_refuses("data", TYPE,
	    "{'data': {'a': 1}, 'filter': '.', 'each': true}");
	tasking_refuses("json", TYPE,
	    "{'json': '1', 'filter': '.', 'each': true}");
	/* halt ends all runs, with what there is */
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': [1, 2, 3], 'filter': 'if . == 2 then "
			       "halt else . end', 'each': true, 'format': "
			       "'json'}"),
	    "[1]");
}

static void
test_args(void **state)
{
	const struct fault *f;

	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': {'x': 1}, 'filter': '[$x, $other_1, "
			       ".x, $__loc__.line]', 'args': {'x': [7], "
			       "'other_1': 'a'}, 'format': 'json'}"),
	    "[[7],\"a\",1,1]");
	/* the same program with other values */
	tasking_assert_str(tasking_ok(TYPE,
			       "{'data': {'x': 2}, 'filter': '[$x, $other_1, "
			       ".x, $__loc__.line]', 'args': {'x': null, "
			       "'other_1': {}}, 'format': 'json'}"),
	    "[null,{},2,1]");
	tasking_ok(TYPE, "{'data': 1, 'filter': '.', 'args': {}}");
	f = tasking_refuses("filter", TYPE, "{'data': 1, 'filter': '$x'}");
	tasking_assert_contains(f->message, "$x is not defined");
	tasking_refuses("args.x[0]", TYPE,
	    "{'data': 1, 'filter': '$x', 'args': {'x': [9007199254740993]}}");
	tasking_refuses("args", TYPE, "{'data': 1, 'filter': '.', 'args': 1}");
}

static void
test_names_of_args(void **state)
{
	static const char *const bad[] = {"", "1a", "a-b", "a]|env|[", "$a",
	    "ENV", "__loc__", "if", "reduce", "\u00e4", "a::b"};
	static const char name[] = "a23456789_123456789_123456789_123456789_"
				   "123456789_123456789_1234";
	char many[1024] = "'a0': 0";
	size_t len = strlen(many);

	for (size_t i = 0; i < COUNT(bad); i++)
		tasking_refuses("args", TYPE,
		    "{'data': 1, 'filter': '.', 'args': {'%s': 1}}", bad[i]);
	assert_int_equal(strlen(name), TRANSFORM_NAME_MAX);
	tasking_ok(TYPE, "{'data': 1, 'filter': '$%s', 'args': {'%s': 1}}",
	    name, name);
	tasking_refuses("args", TYPE,
	    "{'data': 1, 'filter': '.', 'args': {'%s5': 1}}", name);
	for (int i = 1; i < TRANSFORM_ARGS_MAX; i++)
		len += (size_t)snprintf(many + len, sizeof many - len,
		    ", 'a%d': %d", i, i);
	assert_int_equal(tasking_ok(TYPE,
			     "{'data': 1, 'filter': '. + $a31', 'args': {%s}}",
			     many)
			     ->via.i64,
	    32);
	tasking_refuses("args", TYPE,
	    "{'data': 1, 'filter': '.', 'args': {%s, 'b': 1}}", many);
}

static void
test_fields(void **state)
{
	const struct fault *f;

	tasking_refuses("filter", TYPE, "{'data': 1}");
	tasking_refuses("filter", TYPE, "{'data': 1, 'filter': 1}");
	tasking_refuses("filter", TYPE, "{'data': 1, 'filter': ''}");
	tasking_refuses("data", TYPE, "{'filter': '.'}");
	f = tasking_refuses("json", TYPE,
	    "{'filter': '.', 'data': 1, 'json': '1'}");
	tasking_assert_contains(f->message, "exclude each other");
	tasking_refuses("json", TYPE, "{'filter': '.', 'json': {}}");
	tasking_refuses("each", TYPE, "{'data': [], 'filter': '.', 'each': 1}");
	tasking_refuses("maxMemory", TYPE,
	    "{'data': 1, 'filter': '.', 'maxMemory': 16777215}");
	tasking_refuses("maxMemory", TYPE,
	    "{'data': 1, 'filter': '.', 'maxMemory': 1073741825}");
	tasking_ok(TYPE, "{'data': 1, 'filter': '.', 'maxMemory': 16777216}");
	tasking_ok(TYPE, "{'data': 1, 'filter': '.', 'maxMemory': 1073741824}");
	tasking_refuses("fitler", TYPE, "{'data': 1, 'fitler': '.'}");
}

static void
test_length_of_filter(void **state)
{
	static char text[TRANSFORM_FILTER_MAX + 2];

	memset(text, ' ', sizeof text - 1);
	text[0] = '7';
	text[TRANSFORM_FILTER_MAX] = '\0';
	/* more of them than may be kept */
	for (int i = 0; i < 6; i++) {
		text[1] = (char)('0' + i);
		assert_int_equal(tasking_ok(TYPE, "{'data': 1, 'filter': '%s'}",
				     text)
				     ->via.i64,
		    70 + i);
	}
	text[TRANSFORM_FILTER_MAX] = ' ';
	tasking_refuses("filter", TYPE, "{'data': 1, 'filter': '%s'}", text);
}

static void
test_values_refused(void **state)
{
	const struct fault *f;
	msgpack_object o = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER};
	msgpack_object_kv twice[2];

	f = tasking_refuses("data.items[3].id", TYPE,
	    "{'filter': '.', 'data': {'items': [1, 2, 3, {'id': "
	    "9007199254740993}]}}");
	tasking_assert_contains(f->message, "2^53");
	tasking_refuses("data[0]", TYPE,
	    "{'filter': '.', 'data': [-9007199254740993]}");
	gives("[9007199254740992,-9007199254740992]",
	    "[9007199254740992, -9007199254740992]", ".");
	tasking_refuses("data.a", TYPE,
	    "{'filter': '.', 'data': {'a': {'$bin': '00'}}}");
	o.via.u64 = UINT64_MAX;
	assert_int_equal(run_value(&o), -1);
	assert_refused("data", "2^53");
	o.type = MSGPACK_OBJECT_FLOAT64;
	o.via.f64 = NAN;
	assert_int_equal(run_value(&o), -1);
	assert_refused("data", "finite");
	o = tasking_str("a\xff", 2);
	assert_int_equal(run_value(&o), -1);
	assert_refused("data", "UTF-8");
	o = tasking_str("a\0b", 3);
	assert_int_equal(run_value(&o), 0);
	assert_int_equal(tasking_result()->via.str.size, 3);
	twice[0] = twice[1] =
	    (msgpack_object_kv){tasking_str("k", 1), tasking_str("v", 1)};
	o = (msgpack_object){.type = MSGPACK_OBJECT_MAP};
	o.via.map.ptr = twice;
	o.via.map.size = 2;
	assert_int_equal(run_value(&o), -1);
	assert_refused("data", "a key twice");
	twice[0].key = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
	assert_int_equal(run_value(&o), -1);
	assert_refused("data.(nil)", "no string");
}

/* Arrays in each other, n deep, around a value. */
static msgpack_object
nested(msgpack_object places[], unsigned int n)
{
	places[0] = (msgpack_object){.type = MSGPACK_OBJECT_NIL};
	for (unsigned int i = 1; i <= n; i++) {
		places[i] = (msgpack_object){.type = MSGPACK_OBJECT_ARRAY};
		places[i].via.array.ptr = &places[i - 1];
		places[i].via.array.size = 1;
	}
	return places[n];
}

static void
test_depth(void **state)
{
	msgpack_object places[TRANSFORM_DEPTH_MAX + 2], o;
	const struct fault *f;

	o = nested(places, (unsigned int)TRANSFORM_DEPTH_MAX);
	assert_int_equal(run_value(&o), 0);
	o = nested(places, (unsigned int)TRANSFORM_DEPTH_MAX + 1);
	assert_int_equal(run_value(&o), -1);
	assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
	tasking_assert_contains(tasking_fault()->message, "too deep");
	tasking_ok(TYPE,
	    "{'data': 1, 'filter': 'reduce range(31) as $i (.; [.])'}");
	f = tasking_fails(TYPE,
	    "{'data': 1, 'filter': 'reduce range(32) as $i (.; [.])'}");
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"), 31);
	tasking_ok(TYPE,
	    "{'data': 1, 'filter': 'reduce range(256) as $i (.; {a: .})', "
	    "'format': 'json'}");
	f = tasking_fails(TYPE,
	    "{'data': 1, 'filter': 'reduce range(257) as $i (.; {a: .})', "
	    "'format': 'json'}");
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"), 256);
}

/* libjq cuts what tojson makes of a value over 256 deep, without a word. */
static void
test_cut_text(void **state)
{
	static const char *const formats[] = {"value", "json", "lines"};
	const struct fault *f;

	for (size_t i = 0; i < COUNT(formats); i++) {
		f = tasking_fails(TYPE,
		    "{'data': 1, 'filter': '[reduce range(257) as $i (.; [.]) "
		    "| tojson]', 'format': '%s'}",
		    formats[i]);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, "cuts");
		tasking_ok(TYPE,
		    "{'data': 1, 'filter': '[reduce range(256) as $i (.; [.]) "
		    "| tojson]', 'format': '%s'}",
		    formats[i]);
	}
	tasking_fails(TYPE,
	    "{'data': 1, 'filter': '{(reduce range(257) as $i (.; [.]) | "
	    "tojson): 1}'}");
	/* the mark alone proves nothing */
	tasking_ok(TYPE,
	    "{'data': '<stripped: exceeds max depth>', 'filter': '. * 20'}");
}

static void
test_size_of_result(void **state)
{
	const struct fault *f;
	msgpack_object_kv kv[3];
	msgpack_object data = {.type = MSGPACK_OBJECT_NIL}, map;

	f = tasking_fails(TYPE, "{'data': null, 'filter': '[range(%u)]'}",
	    TRANSFORM_VALUES_MAX);
	assert_int_equal(f->code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(f, "limit"),
	    TRANSFORM_VALUES_MAX);
	tasking_ok(TYPE, "{'data': null, 'filter': '[range(%u)]'}",
	    TRANSFORM_VALUES_MAX - 1);
	map = fields(kv, &data, "\"x\" * 1000", NULL);
	assert_int_equal(tasking_run(TYPE, &map, 1003), 0);
	assert_int_equal(tasking_run(TYPE, &map, 1002), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
	map = fields(kv, &data, "[range(1000)]", NULL);
	assert_int_equal(tasking_run(TYPE, &map, 500), -1);
	assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
}

static void
test_text(void **state)
{
	static const struct {
		const char *text;
		const char *part; /* of the refusal; NULL: it is taken */
	} cases[] = {
	    {"9007199254740992", NULL},
	    {"-9007199254740992", NULL},
	    {"[9007199254740993]", "9007199254740993 at byte 1"},
	    {"{\"a\":-9007199254740993}", "-9007199254740993 at byte 5"},
	    {"10000000000000000", "would round it"},
	    {"18446744073709551615", "beyond 2^53"},
	    {"\"9007199254740993\"", NULL},
	    {"\"\\\"9007199254740993\"", NULL},
	    {"{\"9007199254740993\":1}", NULL},
	    {"9007199254740993.5", NULL},
	    {"0.1000000000000000055", NULL},
	    {"1e308", NULL},
	    {"1e309", "cannot hold"},
	    {"-1E+1000", "cannot hold"},
	    {"1e-1000", NULL},
	    {"-0", NULL},
	    {"\xef\xbb\xbf[1]", NULL}, /* a byte order mark */
	    {" [1]\n", NULL},
	    {"", "one JSON text"},
	    {" ", "one JSON text"},
	    {"[1", "Unfinished"},
	    {"1 2", "more values"},
	    {"[1]]", "one JSON text"},
	    {"1 x", "one JSON text"},
	    {"[1] x", "one JSON text"},
	    {"[1]\"a\"", "more values"},
	    {"nan", "nan at byte 0: JSON has no"},
	    {"[NaN]", "nan at byte 1"},
	    {"{\"a\":-Infinity}", "inf at byte 6"},
	    {"[\"nan\",\"inf\"]", NULL},
	    {"{\"a\" 1}", "one JSON text"},
	    {"\"\xff\"", "valid UTF-8"},
	    {"\"\xed\xa0\x80\"", "valid UTF-8"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = cases[i].text, *part = cases[i].part;
		int rc = run_text(text, strlen(text));

		if ((rc == 0) != (part == NULL))
			fail_msg("%s: %d", text, rc);
		if (part != NULL)
			assert_refused("json", part);
	}
}

static void
test_numbers_of_text(void **state)
{
	char digits[1000];

	/* 400 digits behind the point are finite, before it they are not */
	memset(digits, '7', sizeof digits);
	digits[1] = '.';
	assert_int_equal(run_text(digits, 400), 0);
	assert_true(fabs(tasking_result()->via.f64 - 70.0 / 9) < 1e-9);
	digits[1] = '7';
	digits[398] = '.';
	assert_int_equal(run_text(digits, 400), -1);
	assert_refused("json", "cannot hold");
	assert_int_equal(run_text("0.1000000000000000055", 21), 0);
	assert_true(tasking_result()->via.f64 == 0.1);
}

/* Behind a NUL libjq looks for nothing more, and takes what is before it. */
static void
test_nul_in_text(void **state)
{
	assert_int_equal(run_text("1\0x", 3), -1);
	assert_refused("json", "json has NUL at byte 1");
	assert_int_equal(run_text("[1]\0", 4), -1);
	assert_refused("json", "NUL at byte 3");
	assert_int_equal(run_text("\"a\0b\"", 5), -1);
	assert_refused("json", "NUL at byte 2");
	assert_int_equal(run_text("\"a\\u0000b\"", 10), 0);
	assert_int_equal(tasking_result()->via.str.size, 3);
}

/* Runs a program as it is, on nil. */
static int
run_program(const char *program)
{
	msgpack_object_kv kv[3];
	msgpack_object data = {.type = MSGPACK_OBJECT_NIL};
	msgpack_object map = fields(kv, &data, program, NULL);

	return tasking_run(TYPE, &map, TASKING_RESULT_MAX);
}

/* Integers of a program's text that a double would round. */
static void
test_literals(void **state)
{
	static const struct {
		const char *program;
		const char *part; /* of the refusal; NULL: it runs */
	} cases[] = {
	    {"9007199254740992", NULL},
	    {"9007199254740993", "filter has 9007199254740993 at byte 0: "},
	    {". == 9007199254740993", "at byte 5: jq's numbers are doubles"},
	    {"[1,-18446744073709551615]", "18446744073709551615 at byte 4"},
	    {"[][9007199254740993]", "would round it beyond 2^53"},
	    {"\"\\(9007199254740993)\"", "at byte 3"},
	    {"\"\\(\"a\") \\(9007199254740993)\"", "at byte 10"},
	    {"\"\\((1)|\")\") \\(9007199254740993)\"", "at byte 14"},
	    {"1 # \"\n + 9007199254740993", "at byte 9"},
	    {"\"9007199254740993\"", NULL},
	    {"\"\\\\(9007199254740993)\"", NULL},
	    {"\"\\(1) 9007199254740993\"", NULL},
	    {"\"\\\"9007199254740993\"", NULL},
	    {"1 # 9007199254740993", NULL},
	    {".a9007199254740993", NULL},
	    {"1 as $v9007199254740993 | $v9007199254740993", NULL},
	    {"{a9007199254740993: 1}", NULL},
	    {"9007199254740993.5", NULL},
	    {".9007199254740993", NULL},
	    {"1e17, 9007199254740993e2 | empty, 1", NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *part = cases[i].part;
		int rc = run_program(cases[i].program);

		if (rc != 0 && part == NULL &&
		    tasking_fault()->code != CODE_WORKER_ERROR)
			fail_msg("%s", cases[i].program);
		if (rc == 0 && part != NULL)
			fail_msg("%s", cases[i].program);
		if (part != NULL)
			assert_refused("filter", part);
	}
}

/* Integers that a program takes out of text. */
static void
test_numbers_in_programs(void **state)
{
	static const char *const names[] = {"tonumber", "fromjson"};
	static const char *const bad[] = {"9007199254740993",
	    "-18446744073709551615", " 9007199254740993 ", "1\\u0000x",
	    "1e309"};
	const struct fault *f;

	for (size_t i = 0; i < COUNT(names) * COUNT(bad); i++) {
		f = tasking_fails(TYPE, "{'data': '%s', 'filter': '%s'}",
		    bad[i / 2], names[i % 2]);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		tasking_assert_contains(f->message, "jq: error: the text has ");
	}
	tasking_assert_contains(f->message,
	    "1e309 at byte 0: jq's numbers are doubles, which cannot hold it");
	gives("[\"the text has 9007199254740993 at byte 6: jq's numbers are "
	      "doubles, which would round it beyond 2^53\",1]",
	    "'{\\\"a\\\": 9007199254740993}'", "[try fromjson catch ., 1]");
	gives("[9007199254740992,-7,5,null]",
	    "['9007199254740992', ' -7 ', 5, 'nan']", "map(tonumber)");
	gives("{\"a\":[\"9007199254740993\"]}",
	    "'{\\\"a\\\": [\\\"9007199254740993\\\"]}'", "fromjson");
	/* what jq wrote itself is read again */
	gives("[true,true]", "[1.2345678901234568e17, 1e300]",
	    "map((tojson|fromjson) == . and (tostring|tonumber) == .)");
}

/* Text of a program that is long to compile costs an answer, and no time. */
static void
test_words_of_program(void **state)
{
	static char text[TRANSFORM_FILTER_MAX + 1];
	char *p;

	/* 12,000 of these are 15 s */
	p = stpcpy(text, "\"");
	for (int i = 0; i < 12000; i++)
		p = stpcpy(p, "\\(1)");
	stpcpy(p, "\"");
	assert_int_equal(run_program(text), -1);
	assert_refused("filter", "at most 8000 names, numbers, strings and");
	/* numbers and the commas between them */
	p = stpcpy(text, "[");
	for (int i = 0; i < TRANSFORM_WORDS_MAX / 2 - 2; i++)
		p = stpcpy(p, "1,");
	stpcpy(p, "1]| .[:2]"); /* 4 and, before, 8000 - 4 + 3 words */
	assert_int_equal(run_program(text), -1);
	stpcpy(p, "1] # and no more than that, [however much is said, here]");
	assert_int_equal(run_program(text), 0);
}

static void
test_depth_of_text(void **state)
{
	char text[2 * TRANSFORM_TEXT_DEPTH + 2];
	msgpack_object_kv kv[3];
	msgpack_object json, map;

	memset(text, '[', TRANSFORM_TEXT_DEPTH + 1);
	memset(text + TRANSFORM_TEXT_DEPTH + 1, ']', TRANSFORM_TEXT_DEPTH + 1);
	assert_int_equal(run_text(text, sizeof text), -1);
	assert_refused("json", "depth limit");
	/* what is deeper than a result may be, may be looked into */
	json = tasking_str(text + 1, sizeof text - 2);
	map = fields(kv, NULL, "[..] | length", &json);
	assert_int_equal(tasking_run(TYPE, &map, TASKING_RESULT_MAX), 0);
	assert_int_equal(tasking_result()->via.u64, TRANSFORM_TEXT_DEPTH);
}

static void
test_compile_errors(void **state)
{
	const struct fault *f;
	msgpack_object_kv kv[3];
	msgpack_object data = {.type = MSGPACK_OBJECT_NIL}, map;

	f = tasking_refuses("filter", TYPE, "{'data': 1, 'filter': 'foo'}");
	assert_string_equal(f->message,
	    "filter does not compile: jq: error: foo/0 is not defined at "
	    "<top-level>, line 1:\nfoo");
	f = tasking_refuses("filter", TYPE,
	    "{'data': 1, 'filter': '1 +\\n bar'}");
	tasking_assert_contains(f->message, "line 2:\n bar");
	f = tasking_refuses("filter", TYPE,
	    "{'data': 1, 'filter': '}', 'args': {'secret_name': 1}}");
	tasking_assert_contains(f->message, "syntax error");
	assert_null(strstr(f->message, "secret_name"));
	f = tasking_refuses("filter", TYPE,
	    "{'data': 1, 'filter': '[foo, bar]'}");
	tasking_assert_contains(f->message, "foo/0");
	tasking_assert_contains(f->message, "bar/0");
	/* nothing closes what stands before the program */
	tasking_refuses("filter", TYPE, "{'data': 1, 'filter': '1) | (2'}");
	map = fields(kv, &data, ".", NULL);
	map.via.map.ptr[1].val = tasking_str(".\0.", 3);
	assert_int_equal(tasking_run(TYPE, &map, TASKING_RESULT_MAX), -1);
	assert_refused("filter", "NUL");
	map.via.map.ptr[1].val = tasking_str("\"\xff\"", 3);
	assert_int_equal(tasking_run(TYPE, &map, TASKING_RESULT_MAX), -1);
	assert_refused("filter", "UTF-8");
}

static void
test_no_modules(void **state)
{
	static const char *const programs[] = {
	    "import \\\"a\\\" as a; .",
	    "import \\\"a\\\" as a {search: \\\"/etc\\\"}; .",
	    "import \\\"a\\\" as $a {search: \\\"/etc\\\"}; .",
	    "include \\\"a\\\" {search: \\\"/etc\\\"}; .",
	    "# a comment\\ninclude \\\"a\\\"; .",
	    "module {}; .",
	    "(import \\\"a\\\" as a; .)",
	};
	const struct fault *f;

	for (size_t i = 0; i < COUNT(programs); i++) {
		f = tasking_refuses("filter", TYPE,
		    "{'data': 1, 'filter': '%s'}", programs[i]);
		tasking_assert_contains(f->message, "syntax error, unexpected");
	}
	f = tasking_fails(TYPE, "{'data': 'a', 'filter': 'modulemeta'}");
	tasking_assert_contains(f->message, "not offered");
	gives("\"import\"", "1", "\\\"import\\\"");
	gives("{\"import\":1}", "1", "{import: .}");
}

static void
test_run_errors(void **state)
{
	static const struct {
		const char *filter;
		const char *message;
	} cases[] = {
	    {".a", "jq: error: Cannot index number with string \"a\""},
	    {"error(\\\"mine\\\")", "jq: error: mine"},
	    {"error({code: 7})", "jq: error: {\"code\":7}"},
	    {"input", "jq: error: break"},
	    {"halt_error", "jq: error: 1"},
	    {"\\\"text\\\" | halt_error(3)", "jq: error: text"},
	    {"input_line_number", "jq: error: Unknown input line number"},
	    {"\\\"abc\\\" * 1e9", "jq: error: Repeat string result too long"},
	    {".[1e18] = 1", "jq: error: Cannot index number with number"},
	};
	const struct fault *f;

	/* twice: an error leaves a program as good as it was */
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		f = tasking_fails(TYPE, "{'data': 1, 'filter': '%s'}",
		    cases[i / 2].filter);
		assert_int_equal(f->code, CODE_WORKER_ERROR);
		assert_string_equal(f->reason, "failed");
		assert_string_equal(f->message, cases[i / 2].message);
	}
	/* in 1.6 these end the outputs without an error */
	tasking_fails(TYPE, "{'data': null, 'filter': 'error(null)'}");
	tasking_fails(TYPE, "{'data': null, 'filter': 'error'}");
}

static void
test_sane_builtins(void **state)
{
	gives("[]", "1", "[inputs]");
	gives("null", "1", "input_filename");
	gives("[]", "1", "[get_search_list]");
	gives("1", "1", "debug");
	gives("1", "1", "stderr");
	gives("[1,1,1]", "1", "[limit(3; repeat(1))]");
	gives("{\"file\":\"<top-level>\",\"line\":1}", "1", "$__loc__");
	gives("1", "[1]", "try error(.[0]) catch .");
	/* the leak detector sees what these lose in 1.6 */
	gives("[\"b\",\"ab\",1,\"ab\"]", "[\"ab\",1]",
	    "[(.[0]|ltrimstr(\\\"a\\\"),ltrimstr(\\\"x\\\")),"
	    "(.[1]|ltrimstr(\\\"a\\\")),(.[0]|ltrimstr(1))]");
	gives("[\"a\",\"ab\",1,\"ab\"]", "[\"ab\",1]",
	    "[(.[0]|rtrimstr(\\\"b\\\"),rtrimstr(\\\"x\\\")),"
	    "(.[1]|rtrimstr(\\\"b\\\")),(.[0]|rtrimstr([]))]");
}

/* These end the process in libjq 1.6. */
static void
test_times(void **state)
{
	static const char *const bad[] = {"1e18 | todate", "-1e18 | todate",
	    "1e18 | date", "infinite | todateiso8601", "nan | todate",
	    "1e18 | strftime(\\\"%Y\\\")", "1e18 | strflocaltime(\\\"%Y\\\")",
	    "0 | strftime(1)", "0 | strflocaltime([])",
	    "[1] | strftime(\\\"%Y\\\")"};

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(tasking_fails(TYPE,
				     "{'data': null, 'filter': '%s'}", bad[i])
				     ->code,
		    CODE_WORKER_ERROR);
	gives("\"2015-03-05T23:51:47Z\"", "1425599507", "todate");
	gives("\"2015\"", "1425599507", "strftime(\\\"%Y\\\")");
	gives("\"2015\"", "1425599507", "gmtime | strftime(\\\"%Y\\\")");
	gives("[\"15\",\"51\"]", "1425599507",
	    "[strftime(\\\"%y\\\", \\\"%M\\\")]");
	gives("\"2015\"", "1425599507", "strflocaltime(\\\"%Y\\\")");
	gives("1425599507", "1425599507", "todate | fromdate");
}

/* What the prelude calls the builtins that it replaces is no name of jq's. */
static void
test_hidden_names(void **state)
{
	static const char *const names[] = {"_strftime", "_strflocaltime",
	    "_ltrimstr", "_rtrimstr", "_tonumber", "_fromjson"};
	const struct fault *f;

	for (size_t i = 0; i < COUNT(names); i++) {
		f = tasking_refuses("filter", TYPE,
		    "{'data': 1, 'filter': '%s(2)'}", names[i]);
		tasking_assert_contains(f->message, names[i]);
		tasking_assert_contains(f->message, "is not defined");
		assert_null(strstr(f->message, "def "));
		/* and free for a program's own */
		tasking_ok(TYPE, "{'data': 1, 'filter': 'def %s(f): f; %s(1)'}",
		    names[i], names[i]);
	}
}

/* A program is compiled once, and again after halt, which spoils it. */
static void
test_kept_programs(void **state)
{
	static struct call call;
	msgpack_object filter = tasking_str(".kept", 5), other;
	jq_state *first = transform_filter_get(&call, &filter, NULL);
	char text[32];

	assert_non_null(first);
	transform_filter_end(first);
	for (int i = 0; i < TRANSFORM_KEPT_MAX - 1; i++) {
		snprintf(text, sizeof text, ".other%d", i);
		other = tasking_str(text, strlen(text));
		transform_filter_end(transform_filter_get(&call, &other, NULL));
	}
	assert_ptr_equal(transform_filter_get(&call, &filter, NULL), first);
	transform_filter_end(first);
	for (int i = 0; i < 3; i++) {
		tasking_fails(TYPE,
		    "{'data': 1, 'filter': '\\\"x\\\" | halt_error'}");
		tasking_ok(TYPE,
		    "{'data': 1, 'filter': 'halt', 'outputs': 'all'}");
	}
	/* more than there is room for: what is gone is compiled again */
	gives("7", "{'other0': 7}", ".other0");
	gives("7", "{'kept': 7}", ".kept");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_numbers_of_results),
	    cmocka_unit_test(test_outputs),
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_each),
	    cmocka_unit_test(test_args),
	    cmocka_unit_test(test_names_of_args),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_length_of_filter),
	    cmocka_unit_test(test_values_refused),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_cut_text),
	    cmocka_unit_test(test_size_of_result),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_numbers_of_text),
	    cmocka_unit_test(test_nul_in_text),
	    cmocka_unit_test(test_literals),
	    cmocka_unit_test(test_numbers_in_programs),
	    cmocka_unit_test(test_words_of_program),
	    cmocka_unit_test(test_depth_of_text),
	    cmocka_unit_test(test_compile_errors),
	    cmocka_unit_test(test_no_modules),
	    cmocka_unit_test(test_run_errors),
	    cmocka_unit_test(test_sane_builtins),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_hidden_names),
	    cmocka_unit_test(test_kept_programs),
	};

	/* as in a worker, which has no environment: libjq reads ~/.jq */
	unsetenv("HOME");
	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
