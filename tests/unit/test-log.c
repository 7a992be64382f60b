/* Lines of the log: whole, valid and bounded whatever peers have sent. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/log-limit.h"
#include "server/log.h"

#define ROUNDS 2000

static char out[LOG_LINE_MAX + 1];

/* Makes a line at a known time. */
static const char *
make(enum log_format format, const char *message, const struct log_context *c)
{
	struct log_line line = {
	    .time = {.tv_sec = 1753005600, .tv_nsec = 7000000},
	    .level = "info",
	    .role = "master",
	    .pid = 7,
	    .message = message,
	    .context = c,
	};
	size_t n = log_line_make(out, format, &line);

	assert_true(n <= LOG_LINE_MAX);
	out[n] = '\0';
	assert_ptr_equal(strchr(out, '\n'), out + n - 1);
	return out;
}

static void
test_text(void **state)
{
	struct log_context c = {0};

	assert_string_equal(make(LOG_TEXT, "ready", NULL),
	    "2025-07-20T10:00:00.007Z info master[7]: ready\n");
	log_line_text(&c, "task", "crypto:hash", 11);
	log_line_number(&c, "client", 3);
	log_line_number(&c, "slot", 1);
	log_line_implied(&c);
	log_line_text(&c, "id", "a \"b\" \\", 7);
	log_line_text(&c, "none", "", 0);
	assert_string_equal(make(LOG_TEXT, "done", &c),
	    "2025-07-20T10:00:00.007Z info master[7]: done "
	    "task=crypto:hash client=3 id=\"a \\\"b\\\" \\\\\" none=\"\"\n");
	assert_string_equal(make(LOG_BARE, "done", &c), "info: done\n");
}

static void
test_json(void **state)
{
	struct log_context c = {0};

	log_line_text(&c, "id", "a\"\\\n\0z", 6);
	log_line_number(&c, "msgid", UINT64_MAX);
	log_line_number(&c, "slot", 1);
	log_line_implied(&c);
	assert_string_equal(make(LOG_JSON, "it \"is\"", &c),
	    "{\"time\":\"2025-07-20T10:00:00.007Z\",\"level\":\"info\","
	    "\"role\":\"master\",\"pid\":7,\"message\":\"it \\\"is\\\"\","
	    "\"id\":\"a\\\"\\\\ ?z\",\"msgid\":18446744073709551615,"
	    "\"slot\":1}\n");
}

/* What a terminal would obey, and what is no UTF-8, does not get through. */
static void
test_clean(void **state)
{
	char text[64];
	static const char dirty[] = "\x1b[2J\r\n\t\x7f\xff\xc2\x9b\xc3\xa9\xe2";

	log_line_clean(text, sizeof text, dirty, sizeof dirty - 1);
	assert_string_equal(text, "?[2J?  \?\?\?\?\xc3\xa9?");
	log_line_clean(text, 8, "0123456", 7);
	assert_string_equal(text, "0123456");
	log_line_clean(text, 8, "01234567", 8);
	assert_string_equal(text, "0123...");
	/* no character is cut in two */
	log_line_clean(text, 8, "012\xc3\xa9xxxx", 9);
	assert_string_equal(text, "012...");
	log_line_clean(text, 8, "\x80\x80\x80\x80\x80\x80\x80\x80\x80", 9);
	assert_string_equal(text, "\?\?\?\?...");
}

/* Random bytes everywhere, much too long: one JSON object a line all the same. */
static void
test_json_of_anything(void **state)
{
	char message[2 * LOG_MESSAGE_MAX], field[2 * LOG_FIELD_TEXT];

	srandom(1);
	for (int round = 0; round < ROUNDS; round++) {
		size_t len = (size_t)random() % sizeof message;
		struct log_context c = {0};
		json_error_t error;
		json_t *json;

		for (size_t i = 0; i < sizeof message; i++)
			message[i] = round % 2 ? '"' : (char)(random() | 1);
		for (size_t i = 0; i < sizeof field; i++)
			field[i] = round % 3 ? '\\' : (char)random();
		message[len] = '\0';
		for (int i = 0; i < LOG_FIELDS + 3; i++)
			log_line_text(&c, "id", field,
			    (size_t)random() % sizeof field);
		assert_int_equal(c.n, LOG_FIELDS);
		make(LOG_JSON, message, &c);
		json = json_loads(out, 0, &error);
		assert_non_null(json);
		assert_string_equal(json_string_value(
					json_object_get(json, "level")),
		    "info");
		assert_non_null(json_object_get(json, "message"));
		json_decref(json);
		make(LOG_TEXT, message, &c);
	}
}

static int asked;

static int
ask(void)
{
	return ++asked;
}

/* Arguments of what is not logged are not even evaluated. */
static void
test_debug_is_free(void **state)
{
	log_set_level(LEVEL_INFO);
	log_debug("%d", ask());
	assert_int_equal(asked, 0);
	assert_false(log_is_on(LEVEL_DEBUG));
	log_set_level(LEVEL_DEBUG);
	log_debug("%d", ask());
	assert_int_equal(asked, 1);
}

static void
test_limit(void **state)
{
	struct log_limit l;
	uint64_t now = 50;

	log_limit_init(&l, 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(log_limit_take(&l, now), i < 3);
	assert_int_equal(log_limit_left_out(&l), 2);
	assert_int_equal(log_limit_left_out(&l), 0);
	now += 2 * LOG_LIMIT_MS;
	assert_true(log_limit_take(&l, now));
	assert_int_equal(log_limit_wait(&l, now + 400), LOG_LIMIT_MS - 400);
	assert_true(log_limit_take(&l, now + 999));
	assert_true(log_limit_take(&l, now + 999));
	assert_false(log_limit_has_room(&l, now + 999));
	assert_true(log_limit_has_room(&l, now + 1000));
	assert_int_equal(log_limit_wait(&l, now + 5000), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_json_of_anything),
	    cmocka_unit_test(test_debug_is_free),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
