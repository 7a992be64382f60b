/* The scanner: every split, every bomb, and what it notes on its way. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "proto/scan.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct limits defaults = LIMITS_DEFAULT;

/* A request with all kinds of values, nested. */
static void
sample_pack(msgpack_sbuffer *buf)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, buf, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 0);
	msgpack_pack_uint64(&pk, 70000);
	msgpack_pack_str_with_body(&pk, "crypto:hash", 11);
	msgpack_pack_array(&pk, 2);
	msgpack_pack_map(&pk, 7);
	for (int i = 0; i < 7; i++) {
		msgpack_pack_int(&pk, i);
		switch (i) {
		case 0:
			msgpack_pack_double(&pk, 1.5);
			break;
		case 1:
			msgpack_pack_array(&pk, 0);
			break;
		case 2:
			msgpack_pack_array(&pk, 2);
			msgpack_pack_int64(&pk, INT64_MIN);
			msgpack_pack_uint64(&pk, UINT64_MAX);
			break;
		case 3:
			msgpack_pack_ext_with_body(&pk, "123", 3, 77);
			break;
		case 4:
			msgpack_pack_bin_with_body(&pk, "\0\1\2", 3);
			break;
		case 5:
			msgpack_pack_map(&pk, 0);
			break;
		default:
			msgpack_pack_ext_with_body(&pk, "1234", 4, 5);
			break;
		}
	}
	msgpack_pack_map(&pk, 1);
	msgpack_pack_str_with_body(&pk, "id", 2);
	msgpack_pack_nil(&pk);
}

static void
check_sample(const struct scan *s, const uint8_t *bytes, size_t size)
{
	struct frame f;

	scan_frame(s, &f);
	assert_int_equal(f.kind, FRAME_REQUEST);
	assert_int_equal(f.msgid, 70000);
	assert_int_equal(f.size, size);
	assert_int_equal(f.method.len, 11);
	assert_memory_equal(bytes + f.method.at, "crypto:hash", 11);
	assert_int_equal(f.n_params, 2);
	assert_int_equal(bytes[f.data.at], 0x87);
	assert_int_equal(bytes[f.options.at], 0x81);
	assert_int_equal(f.data.at + f.data.len, f.options.at);
	assert_int_equal(f.options.at + f.options.len, size);
}

/* Every prefix says "more"; the whole says "frame"; at each split alike. */
static void
test_split_at_every_byte(void **state)
{
	msgpack_sbuffer buf;
	struct scan s;

	msgpack_sbuffer_init(&buf);
	sample_pack(&buf);
	for (size_t cut = 0; cut < buf.size; cut++) {
		/* Its own memory each time: reading beyond shows. */
		uint8_t *part = malloc(cut + 1);

		memcpy(part, buf.data, cut);
		scan_init(&s, &defaults);
		assert_int_equal(scan_feed(&s, part, cut), SCAN_MORE);
		assert_true(scan_wanted(&s) <= buf.size);
		free(part);
		assert_int_equal(scan_feed(&s, (uint8_t *)buf.data, buf.size),
		    SCAN_FRAME);
		check_sample(&s, (uint8_t *)buf.data, buf.size);
	}
	msgpack_sbuffer_destroy(&buf);
}

static void
test_byte_by_byte(void **state)
{
	msgpack_sbuffer buf;
	struct scan s;

	msgpack_sbuffer_init(&buf);
	sample_pack(&buf);
	scan_init(&s, &defaults);
	for (int round = 0; round < 2; round++) {
		for (size_t n = 0; n < buf.size; n++)
			assert_int_equal(scan_feed(&s, (uint8_t *)buf.data, n),
			    SCAN_MORE);
		assert_int_equal(scan_feed(&s, (uint8_t *)buf.data, buf.size),
		    SCAN_FRAME);
		check_sample(&s, (uint8_t *)buf.data, buf.size);
		scan_reset(&s); /* and the same once more */
	}
	msgpack_sbuffer_destroy(&buf);
}

/* Bytes behind the message are not looked at. */
static void
test_stops_at_the_end(void **state)
{
	static const uint8_t two[] = "\x94\x00\x01\xa4ping\x90\xc1\xc1\xc1";
	struct scan s;
	struct frame f;

	scan_init(&s, &defaults);
	assert_int_equal(scan_feed(&s, two, sizeof two - 1), SCAN_FRAME);
	scan_frame(&s, &f);
	assert_int_equal(f.size, 9);
	assert_int_equal(f.n_params, 0);
	assert_int_equal(f.data.len, 0);
}

static void
test_response(void **state)
{
	static const uint8_t bytes[] =
	    "\x94\x01\xce\x00\x00\x00\x05\xc0\x92\x01\x02";
	struct scan s;
	struct frame f;

	scan_init(&s, &defaults);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_FRAME);
	scan_frame(&s, &f);
	assert_int_equal(f.kind, FRAME_RESPONSE);
	assert_int_equal(f.msgid, 5);
	assert_int_equal(f.error.at, 7);
	assert_int_equal(f.error.len, 1);
	assert_int_equal(f.result.at, 8);
	assert_int_equal(f.result.len, 3);
	assert_int_equal(f.data.len, 0);
}

static void
test_notification(void **state)
{
	static const uint8_t bytes[] = "\x93\x02\xa3x:y\x93\x01\x02\x03";
	struct scan s;
	struct frame f;

	scan_init(&s, &defaults);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_FRAME);
	scan_frame(&s, &f);
	assert_int_equal(f.kind, FRAME_NOTIFY);
	assert_int_equal(f.n_params, 3);
	assert_int_equal(f.data.len, 1);
	assert_int_equal(f.options.at, 8);
	assert_int_equal(f.options.len, 1);
}

/* R9: a map in the place of params is its only parameter. */
static void
test_params_map(void **state)
{
	static const uint8_t bytes[] =
	    "\x94\x00\x01\xa3x:y\x81\x01\x92\x02\x03";
	struct scan s;
	struct frame f;

	scan_init(&s, &defaults);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_FRAME);
	scan_frame(&s, &f);
	assert_int_equal(f.n_params, 1);
	assert_int_equal(f.data.at, 7);
	assert_int_equal(f.data.len, 5);
	assert_int_equal(f.options.len, 0);
}

struct bad {
	const char *bytes;
	size_t len;
	enum scan_fault fault;
};

#define BAD(text, fault)                      \
	{                                     \
		text, sizeof(text) - 1, fault \
	}

/* What is refused, and at which byte at the latest: the last one given. */
static const struct bad bads[] = {
    BAD("\xc1", SCAN_FAULT_ENVELOPE),
    BAD("\x00", SCAN_FAULT_ENVELOPE),
    BAD("G", SCAN_FAULT_ENVELOPE),
    BAD("\x80", SCAN_FAULT_ENVELOPE),
    BAD("\x90", SCAN_FAULT_ENVELOPE),
    BAD("\x92", SCAN_FAULT_ENVELOPE),
    BAD("\x95", SCAN_FAULT_ENVELOPE),
    BAD("\xdd\xff\xff\xff\xff", SCAN_FAULT_ENVELOPE),
    BAD("\x94\x03", SCAN_FAULT_ENVELOPE),
    BAD("\x94\xa1", SCAN_FAULT_ENVELOPE),
    BAD("\x94\xff", SCAN_FAULT_ENVELOPE),
    BAD("\x94\x02", SCAN_FAULT_ENVELOPE),
    BAD("\x93\x00", SCAN_FAULT_ENVELOPE),
    BAD("\x93\x01", SCAN_FAULT_ENVELOPE),
    BAD("\x94\x00\xff", SCAN_FAULT_MSGID),
    BAD("\x94\x00\xa1", SCAN_FAULT_MSGID),
    BAD("\x94\x00\xcf\x00\x20\x00\x00\x00\x00\x00\x01", SCAN_FAULT_MSGID),
    BAD("\x94\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00", SCAN_FAULT_MSGID),
    BAD("\x94\x00\x01\x01", SCAN_FAULT_METHOD),
    BAD("\x94\x00\x01\xc0", SCAN_FAULT_METHOD),
    BAD("\x94\x00\x01\x90", SCAN_FAULT_METHOD),
    BAD("\x94\x00\x01\xc7\x01\x05", SCAN_FAULT_METHOD),
    BAD("\x94\x00\x01\xd9\x81", SCAN_FAULT_METHOD_SIZE),
    BAD("\x94\x00\x01\xdb\xff\xff\xff\xff", SCAN_FAULT_METHOD_SIZE),
    BAD("\x94\x00\x01\xa1x\x01", SCAN_FAULT_PARAMS),
    BAD("\x94\x00\x01\xa1x\xa1", SCAN_FAULT_PARAMS),
    BAD("\x94\x00\x01\xa1x\x91\xc1", SCAN_FAULT_RESERVED),
    BAD("\x94\x00\x01\xa1x\x91\x92\x01\xc1", SCAN_FAULT_RESERVED),
    /* bombs: refused by the header that announces them */
    BAD("\x94\x00\x01\xa1x\xdd\xff\xff\xff\xff", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xdd\xff\xff\xff\xff", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xdf\xff\xff\xff\xff", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xdf\x80\x00\x00\x00", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xc6\xff\xff\xff\xff", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xdb\x04\x00\x00\x00", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xc9\x04\x00\x00\x00\x01", SCAN_FAULT_FRAME_SIZE),
    BAD("\x94\x00\x01\xa1x\x91\xdd\x00\x0f\x42\x40", SCAN_FAULT_VALUES),
    BAD("\x94\x00\x01\xa1x\x91\xde\xff\xff\xde\xff\xff\xde\xff\xff\xde\xff\xff"
	"\xde\xff\xff\xde\xff\xff\xde\xff\xff\xde\xff\xff",
	SCAN_FAULT_VALUES),
    BAD("\x94\x01\x01\xdd\xff\xff\xff\xff", SCAN_FAULT_FRAME_SIZE),
};

static void
test_bad_input(void **state)
{
	for (size_t i = 0; i < COUNT(bads); i++) {
		const uint8_t *bytes = (const uint8_t *)bads[i].bytes;
		struct scan s;

		scan_init(&s, &defaults);
		assert_int_equal(scan_feed(&s, bytes, bads[i].len), SCAN_BAD);
		assert_int_equal(scan_fault(&s), bads[i].fault);
		assert_int_equal(scan_feed(&s, bytes, bads[i].len), SCAN_BAD);
		/* One byte less, and it could still have become good. */
		scan_reset(&s);
		assert_int_equal(scan_feed(&s, bytes, bads[i].len - 1),
		    SCAN_MORE);
		assert_true(strlen(scan_fault_text(bads[i].fault)) > 0);
	}
}

/* The msgid is known as soon as it was read, for the error answer. */
static void
test_msgid_of_bad_input(void **state)
{
	static const uint8_t early[] = "\x94\x00\xa1";
	static const uint8_t late[] = "\x94\x00\x07\x01";
	uint64_t msgid = 99;
	struct scan s;

	scan_init(&s, &defaults);
	assert_int_equal(scan_feed(&s, early, 3), SCAN_BAD);
	assert_false(scan_msgid(&s, &msgid));
	assert_int_equal(msgid, 99);
	scan_reset(&s);
	assert_int_equal(scan_feed(&s, late, 4), SCAN_BAD);
	assert_true(scan_msgid(&s, &msgid));
	assert_int_equal(msgid, 7);
}

/* Nests n arrays as data, and gives what the scanner says. */
static enum scan_status
scan_depth(const char *head, size_t n, const struct limits *limits)
{
	uint8_t bytes[128];
	size_t len = strlen(head);
	struct scan s;

	/* kind, msgid: request 0, response 1 */
	memcpy(bytes, head, len);
	memset(bytes + len, 0x91, n);
	bytes[len + n] = 0x01;
	scan_init(&s, limits);
	return scan_feed(&s, bytes, len + n + 1);
}

static void
test_depth(void **state)
{
	struct limits shallow = defaults;

	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x91", 32, &defaults),
	    SCAN_FRAME);
	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x91", 33, &defaults),
	    SCAN_BAD);
	assert_int_equal(scan_depth("\x94\x01\x01\xc0", 32, &defaults),
	    SCAN_FRAME);
	assert_int_equal(scan_depth("\x94\x01\x01\xc0", 33, &defaults),
	    SCAN_BAD);
	/* a map in the place of params: its value is one level down */
	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x81\x01", 31, &defaults),
	    SCAN_FRAME);
	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x81\x01", 32, &defaults),
	    SCAN_BAD);
	shallow.depth = 1;
	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x91", 1, &shallow),
	    SCAN_FRAME);
	assert_int_equal(scan_depth("\x93\x02\xa3x:y\x91", 2, &shallow),
	    SCAN_BAD);
}

/* The limits are exact: what is as large as allowed passes. */
static void
test_limits_are_exact(void **state)
{
	static const uint8_t bytes[] = "\x94\x00\x01\xa4ping\x92\x01\x02";
	struct limits l = defaults;
	struct scan s;

	l.frame = sizeof bytes - 1;
	l.values = 7;
	l.method = 4;
	scan_init(&s, &l);
	assert_int_equal(scan_feed(&s, bytes, l.frame), SCAN_FRAME);
	l.frame--;
	scan_init(&s, &l);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_BAD);
	assert_int_equal(scan_fault(&s), SCAN_FAULT_FRAME_SIZE);
	l.frame++;
	l.values--;
	scan_init(&s, &l);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_BAD);
	assert_int_equal(scan_fault(&s), SCAN_FAULT_VALUES);
	l.values++;
	l.method--;
	scan_init(&s, &l);
	assert_int_equal(scan_feed(&s, bytes, sizeof bytes - 1), SCAN_BAD);
	assert_int_equal(scan_fault(&s), SCAN_FAULT_METHOD_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_split_at_every_byte),
	    cmocka_unit_test(test_byte_by_byte),
	    cmocka_unit_test(test_stops_at_the_end),
	    cmocka_unit_test(test_response),
	    cmocka_unit_test(test_notification),
	    cmocka_unit_test(test_params_map),
	    cmocka_unit_test(test_bad_input),
	    cmocka_unit_test(test_msgid_of_bad_input),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_limits_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
