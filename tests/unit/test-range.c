/* Ranges of files, and what a worker is told of a task. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/fdpass.h"
#include "proto/info.h"
#include "proto/range.h"

/* Byte by byte as proto/PROTOCOL.md has it. */
static void
test_body(void **state)
{
	static const uint8_t expected[RANGE_BODY] = {1, 3, 0, 0, 0, 1, 2, 3, 4,
	    5, 0, 0, 0, 0, 0, 1, 0, 7};
	struct range range = {3, 0x0102030405, 0x10007}, back;
	uint8_t body[RANGE_BODY];

	range_pack(body, &range);
	assert_memory_equal(body, expected, sizeof body);
	assert_int_equal(range_parse(&back, body, sizeof body), 0);
	assert_int_equal(back.index, 3);
	assert_int_equal(back.offset, range.offset);
	assert_int_equal(back.len, range.len);
}

/* Other kinds and lengths are none, nor is what no file can have. */
static void
test_no_range(void **state)
{
	struct range range = {0, INT64_MAX, 0};
	uint8_t body[RANGE_BODY + 1];

	range_pack(body, &range);
	assert_int_equal(range_parse(&range, body, RANGE_BODY), 0);
	assert_int_equal(range_parse(&range, body, RANGE_BODY - 1), -1);
	assert_int_equal(range_parse(&range, body, RANGE_BODY + 1), -1);
	body[0] = 2;
	assert_int_equal(range_parse(&range, body, RANGE_BODY), -1);
	range = (struct range){0, INT64_MAX, 1};
	range_pack(body, &range);
	assert_int_equal(range_parse(&range, body, RANGE_BODY), -1);
	range = (struct range){0, UINT64_MAX, 2};
	range_pack(body, &range);
	assert_int_equal(range_parse(&range, body, RANGE_BODY), -1);
}

/* What is packed is parsed; nothing to say takes one byte. */
static void
test_info(void **state)
{
	struct info info = {0, INFO_NO_FD}, back;
	uint8_t out[INFO_MAX];
	size_t len;

	assert_int_equal(info_pack(out, &info), 1);
	assert_int_equal(out[0], 0x80);
	for (uint32_t fds = 0; fds <= FDPASS_MAX; fds++) {
		for (uint32_t i = 0; i <= fds; i++) {
			info.fds = fds;
			info.result_fd = i < fds ? i : INFO_NO_FD;
			len = info_pack(out, &info);
			info_parse(&back, out, len);
			assert_int_equal(back.fds, fds);
			assert_int_equal(back.result_fd, info.result_fd);
		}
	}
}

/* A later attempt and a listener are told, the first attempt is not. */
static void
test_info_of_attempts(void **state)
{
	static const uint32_t attempts[] = {1, 2, 101, 127};
	uint8_t out[INFO_MAX];

	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		for (int progress = 0; progress < 2; progress++) {
			struct info back, info = INFO_NONE;
			size_t n;

			info.attempt = attempts[i];
			info.progress = progress != 0;
			n = info_pack(out, &info);
			assert_int_equal(n == 1,
			    attempts[i] == 1 && progress == 0);
			info_parse(&back, out, n);
			assert_int_equal(back.attempt, attempts[i]);
			assert_int_equal(back.progress, progress);
			assert_int_equal(back.fds, 0);
		}
	}
}

/* All of it at once has room. */
static void
test_info_is_large_enough(void **state)
{
	const struct info info = {.fds = FDPASS_MAX,
	    .result_fd = FDPASS_MAX - 1,
	    .attempt = 127,
	    .progress = true};
	uint8_t out[INFO_MAX];
	struct info back;
	size_t n = info_pack(out, &info);

	assert_true(n <= sizeof out);
	info_parse(&back, out, n);
	assert_int_equal(back.fds, FDPASS_MAX);
	assert_int_equal(back.result_fd, FDPASS_MAX - 1);
	assert_int_equal(back.attempt, 127);
	assert_true(back.progress);
}

/* Other keys are left out; what is no map says nothing. */
static void
test_info_of_others(void **state)
{
	static const char later[] = "\x82\xa1x\x05\xa3"
				    "fds\x02";
	struct info info;

	info_parse(&info, (const uint8_t *)later, sizeof later - 1);
	assert_int_equal(info.fds, 2);
	assert_int_equal(info.result_fd, INFO_NO_FD);
	info_parse(&info, (const uint8_t *)"\xc0", 1);
	assert_int_equal(info.fds, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_body),
	    cmocka_unit_test(test_no_range),
	    cmocka_unit_test(test_info),
	    cmocka_unit_test(test_info_of_attempts),
	    cmocka_unit_test(test_info_is_large_enough),
	    cmocka_unit_test(test_info_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
