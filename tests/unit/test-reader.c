/*
 * The cursor over values: what it takes of each kind, and that it ends where the
 * bytes do, also in the middle of a value.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/reader.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VALUE_MAX 64
#define MAPS 800
#define MAP_HEAD 5 /* bytes */

/* A value of each kind: its bytes, and how many of them are its header. */
static const struct {
	const char *bytes;
	size_t len;
	size_t head;
	enum reader_type type;
	uint64_t n;
} values[] = {
    {"\xc0", 1, 1, READER_NIL, 0},
    {"\xc2", 1, 1, READER_BOOL, 0},
    {"\xc3", 1, 1, READER_BOOL, 1},
    {"\x7f", 1, 1, READER_UINT, 0x7f},
    {"\xe0", 1, 1, READER_NEGATIVE, 0},
    {"\xcc\xff", 2, 2, READER_UINT, 0xff},
    {"\xcd\x01\x02", 3, 3, READER_UINT, 0x102},
    {"\xce\x01\x02\x03\x04", 5, 5, READER_UINT, 0x1020304},
    {"\xcf\x01\x02\x03\x04\x05\x06\x07\x08", 9, 9, READER_UINT,
	0x102030405060708},
    {"\xd0\x05", 2, 2, READER_UINT, 5},
    {"\xd1\x80\x00", 3, 3, READER_NEGATIVE, 0x8000},
    {"\xd2\x00\x00\x00\x09", 5, 5, READER_UINT, 9},
    {"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", 9, 9, READER_NEGATIVE, UINT64_MAX},
    {"\xca\x3f\x80\x00\x00", 5, 5, READER_FLOAT, 0},
    {"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9, 9, READER_FLOAT, 0},
    {"\xa3str", 4, 1, READER_STR, 3},
    {"\xd9\x03str", 5, 2, READER_STR, 3},
    {"\xda\x00\x03str", 6, 3, READER_STR, 3},
    {"\xdb\x00\x00\x00\x03str", 8, 5, READER_STR, 3},
    {"\xc4\x03"
     "bin",
	5, 2, READER_BIN, 3},
    {"\xc5\x00\x03"
     "bin",
	6, 3, READER_BIN, 3},
    {"\xc6\x00\x00\x00\x03"
     "bin",
	8, 5, READER_BIN, 3},
    {"\xd4\x01x", 3, 2, READER_EXT, 1},
    {"\xd5\x01xx", 4, 2, READER_EXT, 2},
    {"\xd6\x01xxxx", 6, 2, READER_EXT, 4},
    {"\xd7\x01xxxxxxxx", 10, 2, READER_EXT, 8},
    {"\xd8\x01xxxxxxxxxxxxxxxx", 18, 2, READER_EXT, 16},
    {"\xc7\x03\x01"
     "ext",
	6, 3, READER_EXT, 3},
    {"\xc8\x00\x03\x01"
     "ext",
	7, 4, READER_EXT, 3},
    {"\xc9\x00\x00\x00\x03\x01"
     "ext",
	9, 6, READER_EXT, 3},
    {"\x92\x01\x02", 3, 1, READER_ARRAY, 2},
    {"\xdc\x00\x02\x01\x02", 5, 3, READER_ARRAY, 2},
    {"\xdd\x00\x00\x00\x02\x01\x02", 7, 5, READER_ARRAY, 2},
    {"\x81\x01\x92\x02\xa1x", 6, 1, READER_MAP, 1},
    {"\xde\x00\x01\x01\x90", 5, 3, READER_MAP, 1},
    {"\xdf\x00\x00\x00\x01\x01\x80", 7, 5, READER_MAP, 1},
};

static uint8_t *edge; /* memory ends here */

static int
setup(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + page, page, PROT_NONE) == -1)
		return -1;
	edge = at + page;
	return 0;
}

static int
teardown(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return munmap(edge - page, 2 * page);
}

/* Puts bytes where memory ends: who reads more of them dies. */
static void
put(struct reader *r, const char *bytes, size_t len)
{
	memcpy(edge - len, bytes, len);
	reader_init(r, edge - len, len);
}

/* Each kind is what it is, and is passed whole with what it holds. */
static void
test_values(void **state)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		const uint8_t *start;
		struct reader r;
		struct item item;

		put(&r, values[i].bytes, values[i].len);
		assert_int_equal(reader_skip(&r, &start), values[i].len);
		assert_ptr_equal(start, edge - values[i].len);
		assert_ptr_equal(r.at, edge);
		put(&r, values[i].bytes, values[i].len);
		item = reader_next(&r);
		assert_int_equal(item.type, values[i].type);
		assert_int_equal(item.n, values[i].n);
		assert_ptr_equal(item.raw, edge - values[i].len);
		if (item.type == READER_FLOAT)
			assert_true(item.number == 1.0);
		if (item.bytes != NULL)
			assert_ptr_equal(item.bytes, item.raw + values[i].head);
	}
}

/* Takes all that there is, headers and all; ends at the edge. */
static void
take_all(struct reader *r)
{
	unsigned int n = 0;

	while (reader_next(r).type != READER_END)
		assert_true(++n < VALUE_MAX);
	assert_ptr_equal(r->at, edge);
	assert_int_equal(reader_next(r).type, READER_END);
}

/*
 * Cut anywhere, a value is not more than there is: of a header that is not whole
 * the number is 0, a payload that is not whole is the end, and nothing follows.
 */
static void
test_cut_values(void **state)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		for (size_t len = 0; len < values[i].len; len++) {
			const uint8_t *start;
			struct reader r;
			struct item item;

			put(&r, values[i].bytes, len);
			assert_int_equal(reader_skip(&r, &start), len);
			assert_ptr_equal(start, edge - len);
			put(&r, values[i].bytes, len);
			item = reader_next(&r);
			if (len < values[i].head)
				assert_int_equal(item.n, 0);
			else if (values[i].type >= READER_STR &&
				 values[i].type <= READER_EXT)
				assert_int_equal(item.type, READER_END);
			take_all(&r);
		}
	}
}

/* A container that promises more than comes is passed to the end, and no further. */
static void
test_promises(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
	    {"\xdd\xff\xff\xff\xff\x01", 6},
	    {"\xdf\xff\xff\xff\xff\x01\x02", 7},
	    {"\x91\x91\x91\x91", 4},
	    {"\xdb\xff\xff\xff\xff"
	     "abc",
		8},
	    {"\xc9\xff\xff\xff\xff\x01"
	     "abc",
		9},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint8_t *start;
		struct reader r;

		put(&r, cases[i].bytes, cases[i].len);
		assert_int_equal(reader_skip(&r, &start), cases[i].len);
		assert_int_equal(reader_skip(&r, &start), 0);
		assert_ptr_equal(start, edge);
	}
}

/*
 * What they promise together would take hours to be counted down: it is not.
 */
static void
test_many_promises(void **state)
{
	char bytes[MAPS * MAP_HEAD];
	const uint8_t *start;
	struct reader r;

	for (size_t at = 0; at < sizeof bytes; at += MAP_HEAD)
		memcpy(bytes + at, "\xdf\xff\xff\xff\xff", MAP_HEAD);
	put(&r, bytes, sizeof bytes);
	assert_int_equal(reader_skip(&r, &start), sizeof bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_cut_values),
	    cmocka_unit_test(test_promises),
	    cmocka_unit_test(test_many_promises),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
