/* data:compress and data:decompress: deflate, and gzip's head. */

#include "tests/unit/compressing.h"

#include <stdlib.h>

#include <libdeflate.h>

/* The example of "Adler-32" in the encyclopedia: 11e60398. */
static const uint8_t wikipedia[] = {0x78, 0x9c, 0x0b, 0xcf, 0xcc, 0xce, 0x2c,
    0x48, 0x4d, 0xc9, 0x4c, 0x04, 0x00, 0x11, 0xe6, 0x03, 0x98};
/* RFC 1951, 3.2.4: the last block, stored, of 5 bytes. */
static const uint8_t stored[] = {0x01, 0x05, 0x00, 0xfa, 0xff, 'h', 'e', 'l',
    'l', 'o'};
/* zlib's deflate of "hello", with fixed codes. */
static const uint8_t fixed[] = {0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};

static msgpack_object
bin(const uint8_t *bytes, size_t len)
{
	return tasking_bin(bytes, len);
}

static void
test_known(void **state)
{
	/* RFC 1952 with an empty block, and the CRC-32 of nothing */
	static const uint8_t gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0,
	    0, 0, 0, 0, 0, 0, 0, 0};

	compressing_gives(bin(wikipedia, sizeof wikipedia), NULL, 0,
	    "Wikipedia", 9);
	compressing_gives(bin(wikipedia, sizeof wikipedia), "deflate", 0,
	    "Wikipedia", 9);
	compressing_gives(bin(gzip, sizeof gzip), NULL, 0, "", 0);
}

/* As browsers do; but a guess it is only where deflate was asked for. */
static void
test_raw(void **state)
{
	compressing_gives(bin(stored, sizeof stored), "deflate", 0, "hello", 5);
	compressing_gives(bin(fixed, sizeof fixed), "deflate", 0, "hello", 5);
	compressing_fails(bin(fixed, sizeof fixed), NULL, 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message,
	    "Unknown compression format");
	for (size_t n = 0; n < sizeof stored; n++)
		compressing_fails(bin(stored, n), "deflate", 0,
		    CODE_WORKER_ERROR);
}

/* Each window that a zlib stream may announce is known by its first bytes. */
static void
test_windows(void **state)
{
	uint8_t in[sizeof wikipedia];

	memcpy(in, wikipedia, sizeof in);
	for (unsigned int window = 0; window <= 7; window++) {
		for (unsigned int level = 0; level < 4; level++) {
			in[0] = (uint8_t)(window << 4 | 8);
			in[1] = (uint8_t)(level << 6);
			in[1] += (uint8_t)(31 - (in[0] << 8 | in[1]) % 31);
			if ((in[0] << 8 | in[1]) % 31 != 0 || in[1] & 0x20)
				continue;
			compressing_gives(bin(in, sizeof in), NULL, 0,
			    "Wikipedia", 9);
		}
	}
	/* RFC 1950, 2.2: larger than 7 is not allowed */
	in[0] = 0x88;
	in[1] = 31 - 0x8800 % 31;
	compressing_fails(bin(in, sizeof in), NULL, 0, CODE_WORKER_ERROR);
	compressing_fails(bin(in, sizeof in), "deflate", 0, CODE_WORKER_ERROR);
}

/* A preset dictionary (RFC 1950, FDICT) is nothing that we have. */
static void
test_preset_dictionary(void **state)
{
	static const uint8_t in[] = {0x78, 0xf9, 0x19, 0xc6, 0x04, 0x4d, 0xcb,
	    0x40, 0x30, 0x01, 0x19, 0xc6, 0x04, 0x4d};

	compressing_fails(bin(in, sizeof in), NULL, 0, CODE_UNSUPPORTED);
	tasking_assert_contains(tasking_fault()->message, "preset dictionary");
}

static void
test_ours_is_zlib(void **state)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	msgpack_object c = compressing_pack("hello, hello", 12, "deflate");
	char back[12];

	assert_int_equal((uint8_t)c.via.bin.ptr[0], 0x78);
	assert_int_equal(libdeflate_zlib_decompress(d, c.via.bin.ptr,
			     c.via.bin.size, back, sizeof back, NULL),
	    LIBDEFLATE_SUCCESS);
	assert_memory_equal(back, "hello, hello", 12);
	libdeflate_free_decompressor(d);
	compressing_drop(c);
}

/* One stream is all: another behind it is no deflate data. */
static void
test_two_streams(void **state)
{
	uint8_t in[2 * sizeof wikipedia];

	memcpy(in, wikipedia, sizeof wikipedia);
	memcpy(in + sizeof wikipedia, wikipedia, sizeof wikipedia);
	compressing_fails(bin(in, sizeof in), NULL, 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message, "after the end");
	memcpy(in + sizeof stored, stored, sizeof stored);
	memcpy(in, stored, sizeof stored);
	compressing_fails(bin(in, 2 * sizeof stored), "deflate", 0,
	    CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message, "after the end");
}

static void
test_refusals(void **state)
{
	static const char *const names[] = {"gzip", "deflate"};

	for (size_t f = 0; f < 2; f++) {
		tasking_refuses("checksum", "data:compress",
		    "{'input': 'a', 'format': '%s', 'checksum': false}",
		    names[f]);
		tasking_refuses("dictionary", "data:compress",
		    "{'input': 'a', 'format': '%s', 'dictionary': '12345678'}",
		    names[f]);
		tasking_refuses("dictionary", "data:decompress",
		    "{'input': 'a', 'format': '%s', 'dictionary': '12345678'}",
		    names[f]);
	}
	/* found by the first bytes, too */
	tasking_refuses("dictionary", "data:decompress",
	    "{'input': {'$bin': '1f8b08'}, 'dictionary': '12345678'}");
	tasking_refuses("dictionary", "data:decompress",
	    "{'input': {'$bin': '789c03'}, 'dictionary': '12345678'}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known),
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_preset_dictionary),
	    cmocka_unit_test(test_ours_is_zlib),
	    cmocka_unit_test(test_two_streams),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
