/* Numbers and the heads of messages: what is written is what is read. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/number.h"
#include "proto/scan.h"

/* Edges of each width, as MessagePack has them. */
static const uint64_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000,
    UINT32_MAX, (uint64_t)UINT32_MAX + 1, LIMIT_MSGID_MAX};

#define EDGES (sizeof edges / sizeof edges[0])

/* A number is big-endian, at any address, and touches no other byte. */
static void
test_number(void **state)
{
	static const unsigned int widths[] = {1, 2, 4, 8};
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		unsigned int n = widths[i];
		uint64_t v = UINT64_C(0x0102030405060708) >> (64 - 8 * n);

		for (size_t at = 1; at <= 4; at++) {
			memset(bytes, 0xee, sizeof bytes);
			number_put(bytes + at, n, v);
			assert_int_equal(number_get(bytes + at, n), v);
			assert_int_equal(bytes[at], 1);
			assert_int_equal(bytes[at + n - 1], n);
			assert_int_equal(bytes[at - 1], 0xee);
			assert_int_equal(bytes[at + n], 0xee);
		}
	}
}

/* A response's head has the length that was told, and its msgid in it. */
static void
test_response(void **state)
{
	uint8_t out[ENVELOPE_HEAD_MAX + 2];
	const struct limits limits = LIMITS_DEFAULT;
	struct frame frame;
	struct scan scan;

	for (size_t i = 0; i < EDGES; i++) {
		size_t n = envelope_response(out, edges[i]);

		assert_int_equal(envelope_response_len(edges[i]), n);
		out[n] = ENVELOPE_NIL; /* error */
		out[n + 1] = 1; /* result */
		scan_init(&scan, &limits);
		assert_int_equal(scan_next(&scan, out, n + 2, &frame),
		    SCAN_FRAME);
		assert_int_equal(frame.kind, FRAME_RESPONSE);
		assert_int_equal(frame.msgid, edges[i]);
		assert_int_equal(frame.error.at, n);
	}
}

/* A request's msgid can be changed in place. */
static void
test_request(void **state)
{
	uint8_t out[ENVELOPE_HEAD_MAX + 8];
	const struct limits limits = LIMITS_DEFAULT;
	struct frame frame;
	struct scan scan;
	size_t n = envelope_request(out, UINT32_MAX, "a:b", 3, 1);

	envelope_set_msgid(out, 0x10203040);
	out[n] = ENVELOPE_NIL;
	scan_init(&scan, &limits);
	assert_int_equal(scan_next(&scan, out, n + 1, &frame), SCAN_FRAME);
	assert_int_equal(frame.msgid, 0x10203040);
	assert_int_equal(frame.method.len, 3);
	assert_memory_equal(out + frame.method.at, "a:b", 3);
	assert_int_equal(frame.data.at, n);
}

/* A name of any length is written as short as can be, and is what is read. */
static void
test_names(void **state)
{
	static const struct {
		size_t len;
		size_t head; /* bytes before it */
	} cases[] = {{1, 1}, {31, 1}, {32, 2}, {255, 2}, {256, 3}, {1024, 3}};
	static uint8_t out[ENVELOPE_HEAD_MAX + 1024 + 1];
	struct limits limits = LIMITS_DEFAULT;
	char name[1024];

	memset(name, 'n', sizeof name);
	limits.method = sizeof name;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = cases[i].len;
		size_t n = envelope_notify(out, name, len, 1);
		struct frame frame;
		struct scan scan;

		assert_int_equal(n, 2 + cases[i].head + len + 1);
		out[n] = ENVELOPE_NIL;
		scan_init(&scan, &limits);
		assert_int_equal(scan_next(&scan, out, n + 1, &frame),
		    SCAN_FRAME);
		assert_int_equal(frame.kind, FRAME_NOTIFY);
		assert_int_equal(frame.method.len, len);
		assert_memory_equal(out + frame.method.at, name, len);
		assert_int_equal(frame.data.at, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_number),
	    cmocka_unit_test(test_response),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
