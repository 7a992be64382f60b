/* data:compress and data:decompress: brotli, and the limit of the ratio. */

#include "tests/unit/compressing.h"

#include <stdlib.h>

#include <brotli/decode.h>
#include <brotli/encode.h>

#define ZEROS ((size_t)8 << 20)
#define FREE ((size_t)1 << 20) /* output that the ratio never counts */
#define RATIO 32768 /* the default */

/* testdata/ of github.com/google/brotli, read by brotli -d too. */
static void
test_published(void **state)
{
	static const uint8_t empty[] = {0x06}, empty_01[] = {0x81, 0x01};
	static const uint8_t x[] = {0x0b, 0x00, 0x80, 0x58, 0x03};
	static const uint8_t xy[] = {0x1b, 0x13, 0x00, 0x00, 0xa4, 0xb0, 0xb2,
	    0xea, 0x81, 0x47, 0x02, 0x8a};

	compressing_gives(tasking_bin(empty, 1), "brotli", 0, "", 0);
	compressing_gives(tasking_bin(empty_01, 2), "brotli", 0, "", 0);
	compressing_gives(tasking_bin(x, sizeof x), "brotli", 0, "X", 1);
	compressing_gives(tasking_bin(xy, sizeof xy), "brotli", 0,
	    "XXXXXXXXXXYYYYYYYYYY", 20);
}

/* The library's own decoder, called apart, reads what we write. */
static void
test_library_reads_ours(void **state)
{
	size_t len = 600000, made;
	uint8_t *plain = malloc(len), *back = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		plain[i] = (uint8_t)(i * i >> 9);
	for (int level = 0; level <= 9; level += 3) {
		assert_int_equal(RUN("data:compress", tasking_bin(plain, len),
				     WITH_STR("format", "brotli"),
				     WITH_INT("level", level)),
		    0);
		made = len + 1;
		assert_int_equal(BrotliDecoderDecompress(tasking_result()
							     ->via.bin.size,
				     (const uint8_t *)tasking_result()
					 ->via.bin.ptr,
				     &made, back),
		    BROTLI_DECODER_RESULT_SUCCESS);
		assert_int_equal(made, len);
		assert_memory_equal(back, plain, len);
	}
	free(plain);
	free(back);
}

/* Level 5 is the default. */
static void
test_default_level(void **state)
{
	static const char text[] = "a text, a text, a longer text, a text";
	msgpack_object given;

	assert_int_equal(RUN("data:compress", tasking_str(text, sizeof text),
			     WITH_STR("format", "brotli"),
			     WITH_INT("level", 5)),
	    0);
	given = compressing_keep();
	assert_int_equal(RUN("data:compress", tasking_str(text, sizeof text),
			     WITH_STR("format", "brotli")),
	    0);
	tasking_assert_bin(tasking_result(), given.via.bin.ptr,
	    given.via.bin.size);
	compressing_drop(given);
}

/* It has no first bytes of its own: what is not named is not guessed. */
static void
test_must_be_named(void **state)
{
	msgpack_object c = compressing_pack("hello", 5, "brotli");

	compressing_fails(c, NULL, 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message,
	    "Unknown compression format");
	tasking_assert_contains(tasking_fault()->message,
	    "brotli must be named");
	compressing_drop(c);
}

/* Windows over 16 MiB are another format, which RFC 7932 does not know. */
static void
test_large_window(void **state)
{
	uint8_t in[64], plain[1000] = {0};
	uint8_t *to = in;
	const uint8_t *from = plain;
	size_t room = sizeof in, len = sizeof plain;
	BrotliEncoderState *s = BrotliEncoderCreateInstance(NULL, NULL, NULL);

	assert_true(BrotliEncoderSetParameter(s, BROTLI_PARAM_LARGE_WINDOW, 1));
	assert_true(BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, 30));
	assert_true(BrotliEncoderCompressStream(s, BROTLI_OPERATION_FINISH,
	    &len, &from, &room, &to, NULL));
	assert_true(BrotliEncoderIsFinished(s));
	compressing_fails(tasking_bin(in, sizeof in - room), "brotli", 0,
	    CODE_TOO_LARGE);
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"),
	    1 << 24);
	tasking_assert_contains(tasking_fault()->message, "window");
	BrotliEncoderDestroyInstance(s);
}

/* Megabytes in some bytes: over the ratio, unless the caller raises it. */
static void
test_ratio(void **state)
{
	uint8_t *zeros = calloc(1, ZEROS);
	msgpack_object c = compressing_pack(zeros, ZEROS, "brotli");

	assert_true(c.via.bin.size < ZEROS / RATIO);
	compressing_fails(c, "brotli", 0, CODE_TOO_LARGE);
	tasking_assert_contains(tasking_fault()->message, "maxRatio");
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"), FREE);
	assert_int_equal(RUN("data:decompress", c, WITH_STR("format", "brotli"),
			     WITH_INT("maxRatio", 10000000)),
	    0);
	tasking_assert_bin(tasking_result(), zeros, ZEROS);
	/* of two limits the lower one is told */
	assert_int_equal(RUN("data:decompress", c, WITH_STR("format", "brotli"),
			     WITH_INT("maxRatio", 10000000),
			     WITH_INT("maxOutput", 2 << 20)),
	    -1);
	assert_int_equal(tasking_detail_number(tasking_fault(), "limit"),
	    2 << 20);
	assert_null(strstr(tasking_fault()->message, "maxRatio"));
	compressing_drop(c);
	free(zeros);
}

/* The ratio holds for each format; a MiB of output is free of it. */
static void
test_ratio_of_all(void **state)
{
	static const char *const names[] = {"zstd", "gzip", "deflate",
	    "brotli"};
	uint8_t *zeros = calloc(1, ZEROS);

	for (size_t f = 0; f < 4; f++) {
		msgpack_object c = compressing_pack(zeros, ZEROS, names[f]);
		int64_t ratio = (int64_t)(ZEROS / c.via.bin.size) + 1;

		assert_int_equal(RUN("data:decompress", c,
				     WITH_STR("format", names[f]),
				     WITH_INT("maxRatio", ratio)),
		    0);
		assert_int_equal(RUN("data:decompress", c,
				     WITH_STR("format", names[f]),
				     WITH_INT("maxRatio", ratio - 1)),
		    -1);
		assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
		assert_int_equal(tasking_detail_number(tasking_fault(),
				     "limit"),
		    (ratio - 1) * c.via.bin.size);
		tasking_assert_contains(tasking_fault()->message, "maxRatio");
		compressing_drop(c);

		c = compressing_pack(zeros, FREE, names[f]);
		assert_int_equal(RUN("data:decompress", c,
				     WITH_STR("format", names[f]),
				     WITH_INT("maxRatio", 1)),
		    0);
		compressing_drop(c);
		c = compressing_pack(zeros, FREE + 1, names[f]);
		assert_int_equal(RUN("data:decompress", c,
				     WITH_STR("format", names[f]),
				     WITH_INT("maxRatio", 1)),
		    -1);
		compressing_drop(c);
	}
	free(zeros);
}

/* Without a checksum a changed bit may pass; it never costs more than that. */
static void
test_every_bit(void **state)
{
	msgpack_object c =
	    compressing_pack("some text, some more text", 25, "brotli");
	uint8_t *in = (uint8_t *)(uintptr_t)c.via.bin.ptr;
	enum code code;

	for (size_t bit = 0; bit < 8 * (size_t)c.via.bin.size; bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (RUN("data:decompress", c, WITH_STR("format", "brotli"),
			WITH_INT("maxOutput", 1000)) < 0) {
			code = tasking_fault()->code;
			assert_true(code == CODE_WORKER_ERROR ||
				    code == CODE_TOO_LARGE);
		}
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	compressing_drop(c);
}

static void
test_refusals(void **state)
{
	tasking_refuses("checksum", "data:compress",
	    "{'input': 'a', 'format': 'brotli', 'checksum': true}");
	tasking_refuses("dictionary", "data:compress",
	    "{'input': 'a', 'format': 'brotli', 'dictionary': '12345678'}");
	tasking_refuses("dictionary", "data:decompress",
	    "{'input': 'a', 'format': 'brotli', 'dictionary': '12345678'}");
	tasking_refuses("maxRatio", "data:decompress",
	    "{'input': 'a', 'maxRatio': 0}");
	tasking_refuses("maxRatio", "data:decompress",
	    "{'input': 'a', 'maxRatio': 10000001}");
	tasking_refuses("maxRatio", "data:decompress",
	    "{'input': 'a', 'maxRatio': 1.5}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_published),
	    cmocka_unit_test(test_library_reads_ours),
	    cmocka_unit_test(test_default_level),
	    cmocka_unit_test(test_must_be_named),
	    cmocka_unit_test(test_large_window),
	    cmocka_unit_test(test_ratio),
	    cmocka_unit_test(test_ratio_of_all),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
