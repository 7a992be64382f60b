/* A task's options: what is read of them, and what is said of wrong ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/options.h"

/* The bytes of a literal, without its NUL. */
#define MAP(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static struct options
good(const uint8_t *bytes, size_t len)
{
	struct options o;
	struct fault f;

	if (options_parse(&o, bytes, len, &f) == -1)
		fail_msg("%s", f.message);
	return o;
}

/* Refused: the message has the text in it, and names the option. */
static void
bad(const uint8_t *bytes, size_t len, const char *option, const char *text)
{
	struct options o;
	struct fault f;

	assert_int_equal(options_parse(&o, bytes, len, &f), -1);
	assert_int_equal(f.code, CODE_INVALID_OPTION);
	assert_int_equal(f.n_details, 1);
	assert_string_equal(f.details[0].name, "option");
	assert_string_equal(f.details[0].text, option);
	if (strstr(f.message, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, f.message);
}

/* nil and an empty map give nothing: it is as if there were no options. */
static void
test_none(void **state)
{
	const struct options none = OPTIONS_NONE;
	struct options o = good(MAP("\xc0"));

	assert_memory_equal(&o, &none, sizeof o);
	o = good(MAP("\x80"));
	assert_memory_equal(&o, &none, sizeof o);
}

/* Without keys a retry is one more run after a crash. */
static void
test_retry_defaults(void **state)
{
	struct options o = good(MAP("\x81\xa5retry\x80"));

	assert_true(o.has_retry && o.retry.on_crash && !o.retry.on_error);
	assert_int_equal(o.retry.max, 1);
	assert_int_equal(o.retry.backoff_ms, 0);
	assert_int_equal(o.retry.max_backoff_ms, 0);
}

/* Each key is read; what it is for takes the place of the default. */
static void
test_retry(void **state)
{
	struct options o = good(MAP("\x81\xa5retry\x84\xa3max\x64\xa9"
				    "backoffMs\x00\xac"
				    "maxBackoffMs\xce\xff\xff\xff\xff\xa2on"
				    "\x91\xa5"
				    "error"));

	assert_true(o.has_retry && !o.retry.on_crash && o.retry.on_error);
	assert_int_equal(o.retry.max, OPTIONS_RETRY_MAX);
	assert_int_equal(o.retry.backoff_ms, 0);
	assert_int_equal(o.retry.max_backoff_ms, UINT32_MAX);
	o = good(MAP("\x81\xa5retry\x81\xa2on\x92\xa5"
		     "error\xa5"
		     "crash"));
	assert_true(o.retry.on_crash && o.retry.on_error);
}

/* A key inside is named with its place. */
static void
test_wrong_retry(void **state)
{
	bad(MAP("\x81\xa5retry\x03"), "retry", "takes a map");
	bad(MAP("\x81\xa5retry\x81\xa3max\x65"), "retry.max",
	    "an integer from 0 to 100, not 101");
	bad(MAP("\x81\xa5retry\x81\xa3max\xff"), "retry.max", "0 to 100");
	bad(MAP("\x81\xa5retry\x81\xa2on\x90"), "retry.on", "\"crash\"");
	bad(MAP("\x81\xa5retry\x81\xa2on\xa5"
		"crash"),
	    "retry.on", "an array of");
	bad(MAP("\x81\xa5retry\x81\xa2on\x91\xa7"
		"timeout"),
	    "retry.on", "not \"timeout\"");
	bad(MAP("\x81\xa5retry\x81\xac"
		"maxBackoffMs\x00"),
	    "retry.maxBackoffMs", "from 1 to 2^32 - 1, not 0");
	bad(MAP("\x81\xa5retry\x81\xa9"
		"backoffMs\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"),
	    "retry.backoffMs", "whole milliseconds");
	bad(MAP("\x81\xa5retry\x81\xa5times\x01"), "retry.times",
	    "known are max, backoffMs, maxBackoffMs, on");
	bad(MAP("\x81\xa5retry\x82\xa3max\x01\xa3max\x02"), "retry.max",
	    "given twice");
	bad(MAP("\x82\xa5retry\x80\xa5retry\x80"), "retry", "given twice");
}

/* What follows a nested map is read as if nothing had been there. */
static void
test_behind_retry(void **state)
{
	struct options o = good(MAP("\x83\xa5retry\x81\xa2on\x91\xa5"
				    "crash\xa8progress\xc3\xa7timeout\x07"));

	assert_true(o.has_retry && o.progress);
	assert_int_equal(o.timeout_ms, 7);
}

/* A grace of 0 is one that was given. */
static void
test_cancel_grace(void **state)
{
	struct options o = good(MAP("\x81\xab"
				    "cancelGrace\x00"));

	assert_true(o.has_grace);
	assert_int_equal(o.cancel_grace_ms, 0);
	o = good(MAP("\x81\xab"
		     "cancelGrace\xcb\x40\x8f\x40\x00\x00\x00\x00\x00"));
	assert_int_equal(o.cancel_grace_ms, 1000);
	bad(MAP("\x81\xab"
		"cancelGrace\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
	    "cancelGrace", "from 0 to 2^32 - 1, not 4294967296");
	bad(MAP("\x81\xab"
		"cancelGrace\xc0"),
	    "cancelGrace", "not nil");
}

/* true and false, and nothing that looks like them. */
static void
test_switches(void **state)
{
	struct options o = good(MAP("\x82\xa8progress\xc2\xaaidempotent\xc2"));

	assert_true(!o.progress && o.has_idempotent && !o.idempotent);
	o = good(MAP("\x82\xa8progress\xc3\xaaidempotent\xc3"));
	assert_true(o.progress && o.has_idempotent && o.idempotent);
	bad(MAP("\x81\xa8progress\x01"), "progress", "true or false, not 1");
	bad(MAP("\x81\xaaidempotent\xa4true"), "idempotent",
	    "true or false, not \"true\"");
}

static void
test_on_full(void **state)
{
	assert_true(good(MAP("\x81\xa6onFull\xa4wait")).wait_when_full);
	assert_false(good(MAP("\x81\xa6onFull\xa6refuse")).wait_when_full);
	bad(MAP("\x81\xa6onFull\xa4"
		"drop"),
	    "onFull", "\"wait\" or \"refuse\", not \"drop\"");
	bad(MAP("\x81\xa6onFull\xc3"), "onFull", "\"wait\"");
}

static void
test_batch(void **state)
{
	assert_true(good(MAP("\x81\xa5"
			     "batch\xc3"))
			.batch);
	assert_false(good(MAP("\x81\xa5"
			      "batch\xc2"))
			 .batch);
	assert_false(good(MAP("\x80")).batch);
	bad(MAP("\x81\xa5"
		"batch\x01"),
	    "batch", "true or false, not 1");
	bad(MAP("\x82\xa5"
		"batch\xc3\xa3"
		"fds\x01"),
	    "fds", "batch takes no descriptors");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_retry_defaults),
	    cmocka_unit_test(test_retry),
	    cmocka_unit_test(test_wrong_retry),
	    cmocka_unit_test(test_behind_retry),
	    cmocka_unit_test(test_cancel_grace),
	    cmocka_unit_test(test_switches),
	    cmocka_unit_test(test_on_full),
	    cmocka_unit_test(test_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
