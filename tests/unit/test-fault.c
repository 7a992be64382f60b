/* Errors in their three shapes, and options. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/code.h"
#include "proto/fault.h"
#include "proto/options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Writes f in a shape and reads it back into f. */
static void
round_trip(struct fault *f, enum fault_shape shape)
{
	msgpack_sbuffer buf;
	msgpack_packer pk;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	fault_pack(f, &pk, shape);
	fault_parse(f, (uint8_t *)buf.data, buf.size);
	msgpack_sbuffer_destroy(&buf);
}

static void
test_round_trip(void **state)
{
	for (int shape = FAULT_STRING; shape <= FAULT_PAIR; shape++) {
		struct fault f;

		fault_set(&f, CODE_QUEUE_FULL, "count", "full: %d", 10);
		fault_add_number(&f, "limit", 10);
		fault_add_text(&f, "field", "x");
		round_trip(&f, (enum fault_shape)shape);
		assert_int_equal(f.code, CODE_QUEUE_FULL);
		assert_string_equal(f.message, "full: 10");
		assert_true(f.retryable);
		if (shape != FAULT_MAP)
			continue;
		assert_string_equal(f.reason, "count");
		assert_int_equal(f.n_details, 2);
		assert_int_equal(f.details[0].number, 10);
		assert_string_equal(f.details[1].text, "x");
	}
}

/* Every field that PROTOCOL.md, section 6, promises arrives. */
static void
test_details(void **state)
{
	static const char *const names[] = {"field", "option", "limit", "size",
	    "retryAfterMs", "signal", "exitCode", "attempts", "pool", "errno"};

	for (size_t i = 0; i < COUNT(names); i++) {
		struct fault f;

		fault_set(&f, CODE_WORKER_ERROR, "failed", "no");
		fault_add_number(&f, names[i], 7);
		round_trip(&f, FAULT_MAP);
		assert_int_equal(f.n_details, 1);
		assert_string_equal(f.details[0].name, names[i]);
		assert_int_equal(f.details[0].number, 7);
		assert_string_equal(fault_detail_name(names[i]), names[i]);
	}
}

/* Others are nobody's: they are no part of what is read. */
static void
test_unknown_details(void **state)
{
	static const char *const names[] = {"", "fiel", "fields", "Field",
	    "message"};

	for (size_t i = 0; i < COUNT(names); i++) {
		struct fault f;

		assert_null(fault_detail_name(names[i]));
		fault_set(&f, CODE_WORKER_ERROR, "failed", "no");
		fault_add_number(&f, names[i], 7);
		round_trip(&f, FAULT_MAP);
		assert_int_equal(f.n_details, 0);
	}
}

static void
test_codes(void **state)
{
	for (int i = CODE_NONE + 1; i < CODE_N; i++) {
		const char *name = code_name((enum code)i);

		assert_int_equal(code_parse(name, strlen(name)), i);
		assert_int_equal(code_parse(name, strlen(name) - 1), CODE_NONE);
	}
	assert_int_equal(code_parse("NONE", 4), CODE_NONE);
	assert_string_equal(code_name((enum code)999), "NONE");
}

/* What peers may send in the place of an error. */
static void
test_foreign_errors(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum code code;
		const char *message;
	} cases[] = {
	    {"\xc3", 1, CODE_WORKER_ERROR, "the task failed"},
	    {"\x05", 1, CODE_WORKER_ERROR, "the task failed"},
	    {"\x90", 1, CODE_WORKER_ERROR, "the task failed"},
	    {"\x80", 1, CODE_WORKER_ERROR, "the task failed"},
	    {"\xa3oh!", 4, CODE_WORKER_ERROR, "oh!"},
	    {"\xa8NOPE: oh", 9, CODE_WORKER_ERROR, "NOPE: oh"},
	    {"\xabTIMEOUT: oh", 12, CODE_TIMEOUT, "oh"},
	    {"\xa8TIMEOUT:", 9, CODE_TIMEOUT, ""},
	    {"\x92\x00\xa2\xff\x01", 5, CODE_WORKER_ERROR, "??"},
	    {"\xc4\x03"
	     "a\0b",
		5, CODE_WORKER_ERROR, "a?b"},
	    {"\x81\xa4"
	     "code\x05",
		7, CODE_WORKER_ERROR, "the task failed"},
	    {"\x81\x92\x01\x02\xa1x", 6, CODE_WORKER_ERROR, "the task failed"},
	    {"\x81\xa7message\xa1x", 11, CODE_WORKER_ERROR, "x"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fault f;

		fault_parse(&f, (const uint8_t *)cases[i].bytes, cases[i].len);
		assert_int_equal(f.code, cases[i].code);
		assert_string_equal(f.message, cases[i].message);
	}
}

/* A code of a later version keeps its name; two of them, the last one. */
static void
test_parse_unknown_code(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum code code;
		const char *unknown;
	} cases[] = {
	    {"\x81\xa4"
	     "code\xa5"
	     "LATER",
		12, CODE_WORKER_ERROR, "LATER"},
	    {"\x81\xa4"
	     "code\xa7"
	     "TIMEOUT",
		14, CODE_TIMEOUT, ""},
	    {"\x82\xa4"
	     "code\xa5"
	     "LATER\xa4"
	     "code\xa7"
	     "TIMEOUT",
		25, CODE_TIMEOUT, ""},
	    {"\x81\xa4"
	     "code\xa3"
	     "A\x01"
	     "B",
		10, CODE_WORKER_ERROR, "A?B"},
	    {"\x81\xa4"
	     "code\xa0",
		7, CODE_WORKER_ERROR, ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fault f;

		fault_parse(&f, (const uint8_t *)cases[i].bytes, cases[i].len);
		assert_int_equal(f.code, cases[i].code);
		assert_string_equal(f.unknown, cases[i].unknown);
	}
}

static void
test_clean(void **state)
{
	static const char *const cases[][2] = {
	    {"plain", "plain"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
	    {"\xff\xfe", "??"},
	    {"\xc3", "?"},
	    {"\xc0\x80", "??"},
	    {"\xe0\x80\x80", "???"},
	    {"\xed\xa0\x80", "???"},
	    {"\xf4\x90\x80\x80", "????"},
	    {"a\x1b[31mb\x7f", "a?[31mb?"},
	    {"a\n\tb", "a\n\tb"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[32];

		strcpy(text, cases[i][0]);
		fault_clean(text);
		assert_string_equal(text, cases[i][1]);
	}
}

/* A message that is cut in the middle of a character stays UTF-8. */
static void
test_long_message(void **state)
{
	char text[FAULT_MESSAGE + 10];
	struct fault f;

	memset(text, 'x', sizeof text);
	memcpy(text + FAULT_MESSAGE - 3, "\xf0\x9f\x98\x80", 5);
	fault_set(&f, CODE_INTERNAL, NULL, "%s", text);
	assert_int_equal(strlen(f.message), FAULT_MESSAGE - 1);
	assert_string_equal(f.message + FAULT_MESSAGE - 4, "x??");
}

static int
parse(struct options *o, const char *bytes, size_t len, struct fault *f)
{
	return options_parse(o, (const uint8_t *)bytes, len, f);
}

static void
test_options(void **state)
{
	static const char all[] =
	    "\x85\xa2id\xa3job\xa8priority\xa4high\xa7timeout\xcd\x03\xe8"
	    "\xaarunTimeout\x05\xacqueueTimeout\xcb\x40\x24\x00\x00\x00\x00\x00"
	    "\x00";
	struct options o;
	struct fault f;

	assert_int_equal(parse(&o, all, sizeof all - 1, &f), 0);
	assert_int_equal(o.id_len, 3);
	assert_memory_equal(o.id, "job", 3);
	assert_int_equal(o.priority, PRIORITY_HIGH);
	assert_int_equal(o.timeout_ms, 1000);
	assert_int_equal(o.run_timeout_ms, 5);
	assert_int_equal(o.queue_timeout_ms, 10);
	assert_int_equal(parse(&o, "\xc0", 1, &f), 0);
	assert_int_equal(o.priority, PRIORITY_N);
	assert_null(o.id);
	assert_int_equal(parse(&o, "\x80", 1, &f), 0);
	assert_int_equal(o.timeout_ms, 0);
}

static void
test_bad_options(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *word;
	} cases[] = {
	    {"\x90", 1, "an array"},
	    {"\x05", 1, "an integer"},
	    {"\x81\xa3tim\x05", 6, "\"tim\""},
	    {"\x81\x05\x05", 3, "unknown"},
	    {"\x81\xa7timeout\x00", 10, "timeout"},
	    {"\x81\xa7timeout\xff", 10, "negative"},
	    {"\x81\xa7timeout\x91\x05", 11, "an array"},
	    {"\x82\xa7timeout\x01\xa7timeout\x01", 19, "twice"},
	    {"\x81\xa8priority\xa3hig", 14, "\"hig\""},
	    {"\x81\xa2id\xa0", 5, "id"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o;
		struct fault f;

		assert_int_equal(parse(&o, cases[i].bytes, cases[i].len, &f),
		    -1);
		assert_int_equal(f.code, CODE_INVALID_OPTION);
		assert_non_null(strstr(f.message, cases[i].word));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_details),
	    cmocka_unit_test(test_unknown_details),
	    cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_foreign_errors),
	    cmocka_unit_test(test_parse_unknown_code),
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_long_message),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
