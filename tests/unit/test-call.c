/* call_bind() and call_run(): tables, results, limits, with types of our own. */

#include "tests/unit/tasking.h"

#include <math.h>
#include <string.h>

static const char *const colours[] = {"red", "green", NULL};

enum { TEXT, NUMBER, COLOUR, LIST, FLAG, MAP, ANY, REAL, VALUE };

static const struct field fields[] = {
    [TEXT] = {.name = "text",
	.alias = "t",
	.kinds = FIELD_TEXT,
	.required = true,
	.min = 2,
	.max = 4},
    [NUMBER] = {.name = "number", .kinds = FIELD_INT, .min = -5, .max = 5},
    [COLOUR] = {.name = "colour", .kinds = FIELD_STR, .allowed = colours},
    [LIST] = {.name = "list", .kinds = FIELD_ARRAY, .min = 1, .max = 2},
    [FLAG] = {.name = "flag", .kinds = FIELD_BOOL},
    [MAP] = {.name = "map", .kinds = FIELD_MAP},
    [ANY] = {.name = "any", .kinds = FIELD_NUMBER},
    [REAL] = {.name = "real", .kinds = FIELD_NUMBER, .min = -1, .max = 2},
    [VALUE] = {.name = "value", .kinds = FIELD_ANY},
    {.name = NULL},
};

static int (*body)(struct call *call);
static struct call call;
static struct output out;

static int
run_body(struct call *c)
{
	return body(c);
}

static const struct task_type type = {.name = "test:type",
    .fields = fields,
    .run = run_body};
static const struct task_type secret_type = {.name = "test:secret",
    .flags = TYPE_SECRET,
    .run = run_body};

/* Runs the type on a map of pairs; 0 or -1. */
static int
run(msgpack_object_kv *kv, uint32_t n)
{
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {n, kv}};

	return call_run(&call, &type, &data, &out, 1000);
}

static msgpack_object
str(const char *text)
{
	return tasking_str(text, strlen(text));
}

static msgpack_object
integer(int64_t n)
{
	msgpack_object o = {.type = n < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
					  : MSGPACK_OBJECT_POSITIVE_INTEGER};

	o.via.i64 = n;
	return o;
}

/* A field is refused by name, and with what it takes. */
static void
refused(const char *field, const char *words)
{
	assert_int_equal(call.fault.code, CODE_INVALID_ARGUMENT);
	assert_string_equal(call.fault.reason, "");
	assert_string_equal(tasking_detail(&call.fault, "field"), field);
	tasking_assert_contains(call.fault.message, words);
}

static int
body_pack_number(struct call *c)
{
	assert_non_null(c->args[TEXT]);
	msgpack_pack_int64(&c->pk, call_int(c->args[NUMBER], 3));
	return 0;
}

/* Packs the data itself, of a type without a table. */
static int
body_pack_number_of(struct call *c)
{
	msgpack_pack_int64(&c->pk, c->data->via.i64);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	output_init(&out, 4000);
	body = body_pack_number;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	output_clear(&out);
	return 0;
}

static void
test_binds(void **state)
{
	msgpack_object_kv kv[] = {{str("number"), integer(-5)},
	    {str("t"), tasking_bin("\0\1", 2)}};

	assert_int_equal(run(kv, 2), 0);
	assert_ptr_equal(call.args[TEXT], &kv[1].val);
	assert_ptr_equal(call.args[NUMBER], &kv[0].val);
	assert_null(call.args[COLOUR]);
	assert_int_equal(out.len, 1);
	assert_int_equal(out.bytes[0], 0xfb);
}

/* A key may be bin: old encoders know no str. */
static void
test_bin_key(void **state)
{
	msgpack_object_kv kv[] = {{tasking_bin("text", 4), str("ab")}};

	assert_int_equal(run(kv, 1), 0);
	assert_int_equal(out.bytes[0], 3);
}

static void
test_refusals(void **state)
{
	msgpack_object nil = {.type = MSGPACK_OBJECT_NIL};
	msgpack_object huge = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER};
	msgpack_object list = {.type = MSGPACK_OBJECT_ARRAY};
	msgpack_object_kv kv[] = {{str("text"), str("abc")}, {nil, nil}};
	const struct {
		const char *key;
		msgpack_object value;
		const char *field;
		const char *words;
	} cases[] = {
	    {"text", str("ab"), "text", "twice"},
	    {"t", str("ab"), "text", "twice"},
	    {"Text", str("ab"), "Text",
		"unknown field \"Text\"; test:type takes: text, number"},
	    {"number", str("5"), "number",
		"an integer from -5 to 5, not a string of 1 bytes"},
	    {"number", integer(6), "number", "not 6"},
	    {"number", integer(-6), "number", "not -6"},
	    {"number", huge, "number", "not 18446744073709551615"},
	    {"any", huge, "any", "a number"},
	    {"any", nil, "any", "not nil"},
	    {"colour", str("blue"), "colour",
		"Unknown colour \"blue\": colour takes \"red\" or "
		"\"green\""},
	    {"colour", str("redd"), "colour", "Unknown"},
	    {"colour", str(""), "colour", "Unknown"},
	    {"colour", integer(1), "colour", "\"red\" or \"green\""},
	    {"list", list, "list",
		"an array of 1 to 2 elements, not an array of 0"},
	    {"flag", integer(1), "flag", "true or false, not 1"},
	    {"map", list, "map", "a map"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		kv[1].key = str(cases[i].key);
		kv[1].val = cases[i].value;
		if (kv[1].val.type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
		    kv[1].val.via.u64 == 0)
			kv[1].val.via.u64 = UINT64_MAX;
		assert_int_equal(run(kv, 2), -1);
		refused(cases[i].field, cases[i].words);
	}
}

static void
test_lengths(void **state)
{
	msgpack_object_kv kv[] = {{str("text"), str("")}};

	for (uint32_t len = 0; len < 6; len++) {
		kv[0].val = tasking_str("abcdef", len);
		assert_int_equal(run(kv, 1), len >= 2 && len <= 4 ? 0 : -1);
		if (len < 2 || len > 4)
			refused("text", "a string or bytes of 2 to 4 bytes");
	}
}

static msgpack_object
real(double x)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_FLOAT64};

	o.via.f64 = x;
	return o;
}

/* A range holds for integers and floats, and for no NaN. */
static void
test_numbers(void **state)
{
	msgpack_object_kv kv[] = {{str("text"), str("ab")},
	    {str("real"), real(0)}};
	const double good[] = {-1, 0.5, 2}, bad[] = {-1.5, 2.5, NAN, INFINITY};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		kv[1].val = real(good[i]);
		assert_int_equal(run(kv, 2), 0);
		assert_true(call_number(call.args[REAL], 7) == good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		kv[1].val = real(bad[i]);
		assert_int_equal(run(kv, 2), -1);
		refused("real", "a number from -1 to 2");
	}
	kv[1].val = integer(-1);
	assert_int_equal(run(kv, 2), 0);
	assert_true(call_number(call.args[REAL], 7) == -1);
	kv[1].val = integer(3);
	assert_int_equal(run(kv, 2), -1);
	assert_int_equal(run(kv, 1), 0);
	assert_true(call_number(call.args[REAL], 7) == 7);
}

/* Any value at all: nil, extensions and large integers too. */
static void
test_any_value(void **state)
{
	msgpack_object huge = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER,
	    .via.u64 = UINT64_MAX};
	msgpack_object values[] = {{.type = MSGPACK_OBJECT_NIL}, huge,
	    {.type = MSGPACK_OBJECT_EXT, .via.ext = {.type = 5}}, str("x"),
	    tasking_bin("x", 1)};
	msgpack_object_kv kv[] = {{str("text"), str("ab")},
	    {str("value"), str("")}};

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		kv[1].val = values[i];
		assert_int_equal(run(kv, 2), 0);
		assert_ptr_equal(call.args[VALUE], &kv[1].val);
		assert_int_equal(kv[1].val.type, values[i].type);
	}
}

/* Does another type's work on the value of a field. */
static int
body_delegate(struct call *c)
{
	assert_int_equal(call_delegate(c, &secret_type, c->args[VALUE]), 0);
	assert_ptr_equal(c->type, &type);
	return 0;
}

static int
body_choose(struct call *c)
{
	if (c->type == &type)
		return body_delegate(c);
	return body_pack_number_of(c);
}

/* One type does another's work, and keeps its secrets. */
static void
test_delegate(void **state)
{
	msgpack_object_kv kv[] = {{str("text"), str("ab")},
	    {str("value"), integer(4)}};

	body = body_choose;
	assert_int_equal(run(kv, 2), 0);
	assert_int_equal(out.len, 1);
	assert_int_equal(out.bytes[0], 4);
	assert_true(out.secret);
}

static void
test_missing(void **state)
{
	assert_int_equal(run(NULL, 0), -1);
	refused("text",
	    "text is missing; it takes a string or bytes of 2 to 4 bytes");
}

/* Data that are no map: what they are, and what was meant. */
static void
test_no_map(void **state)
{
	msgpack_object data = integer(7);

	body = body_pack_number;
	assert_int_equal(call_run(&call, &type, &data, &out, 1000), -1);
	refused("data",
	    "data takes a map, not 7; its fields are: text, number, colour");
}

static void
test_odd_keys(void **state)
{
	msgpack_object_kv kv[] = {{integer(7), str("ab")}};
	char key[400];

	assert_int_equal(run(kv, 1), -1);
	refused("7", "a field's name is a string");
	memset(key, 'k', sizeof key);
	kv[0].key = tasking_str(key, sizeof key);
	assert_int_equal(run(kv, 1), -1);
	tasking_assert_contains(call.fault.message, "text, number");
	kv[0].key = tasking_str("a\0\xff\n", 4);
	assert_int_equal(run(kv, 1), -1);
	assert_int_equal(call.fault.code, CODE_INVALID_ARGUMENT);
}

static int
body_pack_a_lot(struct call *c)
{
	uint8_t bytes[500] = {0};

	call_pack_bin(c, bytes, sizeof bytes);
	return 0;
}

static int
body_fails_late(struct call *c)
{
	call_pack_str(c, "half a result");
	return call_fail(c, CODE_NOT_FOUND, "no %s", "such thing");
}

/* What a failing task has written is taken back. */
static void
test_failure_leaves_nothing(void **state)
{
	static const msgpack_object nil = {.type = MSGPACK_OBJECT_NIL};

	output_write(&out, "x", 1);
	body = body_fails_late;
	assert_int_equal(call_run(&call, &secret_type, &nil, &out, 100), -1);
	assert_int_equal(call.fault.code, CODE_NOT_FOUND);
	assert_string_equal(call.fault.message, "no such thing");
	assert_int_equal(out.len, 1);
	/* and it was a secret */
	assert_null(memmem(out.bytes, out.cap, "result", 6));
}

/* The limit of a result, to the byte; the output's own limit as well. */
static void
test_result_max(void **state)
{
	body = body_pack_a_lot;
	assert_int_equal(call_run(&call, &secret_type, NULL, &out, 502), -1);
	assert_int_equal(call.fault.code, CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(&call.fault, "limit"), 502);
	assert_int_equal(out.len, 0);
	assert_false(out.failed);
	assert_int_equal(call_run(&call, &secret_type, NULL, &out, 503), 0);
	assert_int_equal(out.len, 503);
	out.max = 1000;
	assert_int_equal(call_run(&call, &secret_type, NULL, &out, 503), -1);
	assert_int_equal(tasking_detail_number(&call.fault, "limit"), 497);
	assert_int_equal(out.len, 503);
	assert_int_equal(out.max, 1000);
}

static size_t begin_len;

static int
body_begin_end(struct call *c)
{
	size_t room = 10;
	uint8_t *place = call_begin(c, &room);

	assert_int_equal(room, 10);
	memset(place, 'a', room);
	room = begin_len;
	place = call_begin(c, &room);
	if (place == NULL)
		return -1;
	assert_memory_equal(place, "aaaaaaaaaa", 10);
	memset(place, 'b', room);
	call_end(c, room);
	return 0;
}

/* Bins made in place have the shortest header and the right bytes. */
static void
test_begin_end(void **state)
{
	static const size_t lens[] = {10, 255, 256, 65535, 65536};

	out.max = 100000;
	body = body_begin_end;
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		msgpack_unpacked u;
		size_t off = 0;

		begin_len = lens[i];
		output_wipe(&out);
		assert_int_equal(call_run(&call, &secret_type, NULL, &out,
				     99000),
		    0);
		msgpack_unpacked_init(&u);
		assert_int_equal(msgpack_unpack_next(&u,
				     (const char *)out.bytes, out.len, &off),
		    MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(off, out.len);
		assert_int_equal(out.len, lens[i] + (lens[i] < 256	  ? 2
							: lens[i] < 65536 ? 3
									  : 5));
		assert_int_equal(u.data.via.bin.size, lens[i]);
		assert_int_equal(u.data.via.bin.ptr[lens[i] - 1], 'b');
		msgpack_unpacked_destroy(&u);
	}
}

/* Room is cut to what the result may have. */
static void
test_begin_is_cut(void **state)
{
	body = body_begin_end;
	begin_len = 5000;
	assert_int_equal(call_run(&call, &secret_type, NULL, &out, 1000), 0);
	assert_int_equal(out.len, 3 + 995);
	output_wipe(&out);
	assert_int_equal(call_run(&call, &type, NULL, &out, 1000), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_binds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bin_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_any_value, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_delegate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_map, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_odd_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failure_leaves_nothing, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_result_max, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_begin_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_begin_is_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
