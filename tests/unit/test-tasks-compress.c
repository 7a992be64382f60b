/* data:compress and data:decompress: round trips, bombs, damage. */

#include "tests/unit/compressing.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <zstd.h>

#define BOMB ((size_t)8 << 20)

static uint8_t *text; /* 5,000 bytes that repeat */
static const size_t text_len = 5000;

static int
setup(void **state)
{
	static const char line[] = "The quick brown fox. ";

	text = malloc(text_len);
	for (size_t i = 0; i < text_len; i++)
		text[i] = (uint8_t)line[i % (sizeof line - 1)];
	return tasking_setup(state);
}

static int
teardown(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static const struct {
	const char *name;
	const char *told; /* what decompress must be told, or NULL */
	int least; /* level */
	int most;
} formats[] = {{"zstd", NULL, 1, 19}, {"gzip", NULL, 1, 12},
    {"deflate", NULL, 1, 12}, {"brotli", "brotli", 0, 11}};
#define DEFLATE 2 /* those before it may stand one after the other */
#define BROTLI 3 /* those before it have checksums and known first bytes */
#define FORMATS (sizeof formats / sizeof formats[0])

static void
test_round_trips(void **state)
{
	static const size_t lens[] = {0, 1, 255, 256, 5000};

	for (size_t f = 0; f < FORMATS; f++) {
		for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
			msgpack_object c =
			    compressing_pack(text, lens[i], formats[f].name);

			compressing_gives(c, formats[f].told, 0, text, lens[i]);
			compressing_drop(c);
		}
	}
}

static void
test_smaller(void **state)
{
	for (size_t f = 0; f < FORMATS; f++) {
		msgpack_object c =
		    compressing_pack(text, text_len, formats[f].name);

		assert_true(c.via.bin.size < text_len / 10);
		compressing_drop(c);
	}
}

/* zstd is the default; str and bin are alike. */
static void
test_defaults(void **state)
{
	msgpack_object c = compressing_pack(text, text_len, NULL);

	assert_memory_equal(c.via.bin.ptr, "\x28\xb5\x2f\xfd", 4);
	assert_int_equal(compressing_run("data:compress",
			     tasking_str(text, text_len), NULL, 0),
	    0);
	tasking_assert_bin(tasking_result(), c.via.bin.ptr, c.via.bin.size);
	compressing_drop(c);
}

static void
test_levels(void **state)
{
	const msgpack_object *r;
	msgpack_object c;

	for (size_t f = 0; f < FORMATS; f++) {
		for (int level = formats[f].least; level <= formats[f].most;
		     level++) {
			r = tasking_ok("data:compress",
			    "{'input': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',"
			    " 'format': '%s', 'level': %d}",
			    formats[f].name, level);
			assert_int_equal(r->type, MSGPACK_OBJECT_BIN);
			c = compressing_keep();
			compressing_gives(c, formats[f].told, 0,
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 33);
			compressing_drop(c);
		}
		tasking_refuses("level", "data:compress",
		    "{'input': 'a', 'format': '%s', 'level': %d}",
		    formats[f].name, formats[f].most + 1);
		tasking_refuses("level", "data:compress",
		    "{'input': 'a', 'format': '%s', 'level': %d}",
		    formats[f].name, formats[f].least - 1);
	}
}

/* One member or frame after the other is one input. */
static void
test_concatenated(void **state)
{
	uint8_t *twice = malloc(2 * text_len), *in;

	memcpy(twice, text, text_len);
	memcpy(twice + text_len, text, text_len);
	for (size_t f = 0; f < DEFLATE; f++) {
		msgpack_object c =
		    compressing_pack(text, text_len, formats[f].name);
		size_t n = c.via.bin.size;

		in = malloc(2 * n);
		memcpy(in, c.via.bin.ptr, n);
		memcpy(in + n, c.via.bin.ptr, n);
		compressing_gives(tasking_bin(in, 2 * n), formats[f].told, 0,
		    twice, 2 * text_len);
		compressing_gives(tasking_bin(in, 2 * n), formats[f].told,
		    (int64_t)(2 * text_len), twice, 2 * text_len);
		compressing_fails(tasking_bin(in, 2 * n), formats[f].told,
		    (int64_t)(2 * text_len - 1), CODE_TOO_LARGE);
		free(in);
		compressing_drop(c);
	}
	free(twice);
}

/* A frame that somebody streamed: its size is not in its head. */
static void
test_unknown_size(void **state)
{
	size_t len = 300000, cap = ZSTD_compressBound(len);
	uint8_t *plain = malloc(len), *in = malloc(cap);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t n;

	for (size_t i = 0; i < len; i++)
		plain[i] = (uint8_t)(i * i >> 7);
	for (int checksum = 0; checksum < 2; checksum++) {
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0);
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, checksum);
		n = ZSTD_compress2(ctx, in, cap, plain, len);
		assert_false(ZSTD_isError(n));
		assert_true(ZSTD_getFrameContentSize(in, n) ==
			    ZSTD_CONTENTSIZE_UNKNOWN);
		compressing_gives(tasking_bin(in, n), NULL, 0, plain, len);
		compressing_gives(tasking_bin(in, n), NULL, (int64_t)len, plain,
		    len);
		compressing_fails(tasking_bin(in, n), NULL, (int64_t)len - 1,
		    CODE_TOO_LARGE);
		compressing_fails(tasking_bin(in, n - 1), NULL, 0,
		    CODE_WORKER_ERROR);
	}
	ZSTD_freeCCtx(ctx);
	free(in);
	free(plain);
}

/* Frames that hold no data may stand anywhere. */
static void
test_skippable(void **state)
{
	static const uint8_t skip[] = {0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x',
	    'y', 'z'};
	msgpack_object c = compressing_pack(text, text_len, "zstd");
	size_t n = c.via.bin.size;
	uint8_t *in = malloc(n + 2 * sizeof skip);

	memcpy(in, skip, sizeof skip);
	memcpy(in + sizeof skip, c.via.bin.ptr, n);
	memcpy(in + sizeof skip + n, skip, sizeof skip);
	compressing_gives(tasking_bin(in, n + 2 * sizeof skip), NULL,
	    (int64_t)text_len, text, text_len);
	compressing_fails(tasking_bin(in, n + 2 * sizeof skip - 1), NULL, 0,
	    CODE_WORKER_ERROR);
	compressing_gives(tasking_bin(skip, sizeof skip), NULL, 0, "", 0);
	free(in);
	compressing_drop(c);
}

/* Eight MiB in a few KiB: refused at the limit, given where it fits. */
static void
test_bombs(void **state)
{
	uint8_t *zeros = calloc(1, BOMB);

	for (size_t f = 0; f < BROTLI; f++) {
		msgpack_object c =
		    compressing_pack(zeros, BOMB, formats[f].name);

		assert_true(c.via.bin.size < BOMB / 100);
		compressing_fails(c, formats[f].told, 1, CODE_TOO_LARGE);
		compressing_fails(c, formats[f].told, 1 << 20, CODE_TOO_LARGE);
		assert_int_equal(tasking_detail_number(tasking_fault(),
				     "limit"),
		    1 << 20);
		compressing_fails(c, formats[f].told, (int64_t)BOMB - 1,
		    CODE_TOO_LARGE);
		compressing_gives(c, formats[f].told, (int64_t)BOMB, zeros,
		    BOMB);
		compressing_gives(c, formats[f].told, 0, zeros, BOMB);
		compressing_drop(c);
	}
	free(zeros);
}

/* Over 64 MiB is refused without a word about maxOutput. */
static void
test_default_limit(void **state)
{
	size_t len = ((size_t)64 << 20) + 1;
	uint8_t *zeros = calloc(1, len);
	msgpack_object_kv kv[1];
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {1, kv}};

	for (size_t f = 0; f < BROTLI; f++) {
		msgpack_object c =
		    compressing_pack(zeros, len, formats[f].name);

		kv[0].key = tasking_str("input", 5);
		kv[0].val = c;
		assert_int_equal(tasking_run("data:decompress", &data, 2 * len),
		    -1);
		assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
		assert_int_equal(tasking_detail_number(tasking_fault(),
				     "limit"),
		    len - 1);
		compressing_drop(c);
	}
	free(zeros);
}

/* What the last four bytes of gzip claim is a hint and decides nothing. */
static void
test_gzip_hint_lies(void **state)
{
	msgpack_object c = compressing_pack(text, text_len, "gzip");
	size_t n = c.via.bin.size;
	uint8_t *in = malloc(2 * n + 64);
	msgpack_object empty = compressing_pack("", 0, "gzip");

	/* the last member is empty, so the hint is 0 */
	memcpy(in, c.via.bin.ptr, n);
	memcpy(in + n, empty.via.bin.ptr, empty.via.bin.size);
	compressing_gives(tasking_bin(in, n + empty.via.bin.size), NULL, 0,
	    text, text_len);
	memcpy(in, c.via.bin.ptr, n);
	memset(in + n - 4, 0xff, 4);
	compressing_fails(tasking_bin(in, n), NULL, 0, CODE_WORKER_ERROR);
	free(in);
	compressing_drop(c);
	compressing_drop(empty);
}

/* A frame may claim a size that it does not have. */
static void
test_zstd_size_lies(void **state)
{
	msgpack_object c = compressing_pack(text, 200, "zstd");
	uint8_t *in = malloc(c.via.bin.size);

	/* single segment, one byte of size at offset 5 */
	memcpy(in, c.via.bin.ptr, c.via.bin.size);
	assert_int_equal(in[5], 200);
	in[5] = 255;
	compressing_fails(tasking_bin(in, c.via.bin.size), NULL, 0,
	    CODE_WORKER_ERROR);
	in[5] = 100;
	compressing_fails(tasking_bin(in, c.via.bin.size), NULL, 0,
	    CODE_WORKER_ERROR);
	free(in);
	compressing_drop(c);
}

static void
test_every_cut(void **state)
{
	for (size_t f = 0; f < FORMATS; f++) {
		msgpack_object c = compressing_pack(text, 300, formats[f].name);

		for (uint32_t n = 0; n < c.via.bin.size; n++)
			compressing_fails(tasking_bin(c.via.bin.ptr, n),
			    formats[f].told, 0, CODE_WORKER_ERROR);
		compressing_drop(c);
	}
}

/* The formats with checksums: no flipped bit gives other bytes. */
static void
test_every_bit(void **state)
{
	for (size_t f = 0; f < BROTLI; f++) {
		msgpack_object c = compressing_pack(text, 300, formats[f].name);
		uint8_t *in = (uint8_t *)(uintptr_t)c.via.bin.ptr;

		for (size_t bit = 0; bit < 8 * (size_t)c.via.bin.size; bit++) {
			in[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (compressing_run("data:decompress", c, NULL, 0) == 0)
				tasking_assert_bin(tasking_result(), text, 300);
			in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		compressing_drop(c);
	}
}

static void
test_trailing_garbage(void **state)
{
	for (size_t f = 0; f < FORMATS; f++) {
		msgpack_object c = compressing_pack(text, 300, formats[f].name);
		size_t n = c.via.bin.size;
		uint8_t *in = calloc(1, n + 16);

		memcpy(in, c.via.bin.ptr, n);
		for (size_t more = 1; more <= 16; more++) {
			compressing_fails(tasking_bin(in, n + more),
			    formats[f].told, 0, CODE_WORKER_ERROR);
			tasking_assert_contains(tasking_fault()->message,
			    "after the end");
		}
		free(in);
		compressing_drop(c);
	}
}

static void
test_format_given(void **state)
{
	msgpack_object c = compressing_pack(text, 300, "gzip");

	compressing_gives(c, "gzip", 0, text, 300);
	compressing_fails(c, "zstd", 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message, "not zstd");
	compressing_fails(c, "deflate", 0, CODE_WORKER_ERROR);
	compressing_fails(c, "brotli", 0, CODE_WORKER_ERROR);
	compressing_drop(c);
	compressing_fails(tasking_bin("PK\3\4", 4), NULL, 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message,
	    "Unknown compression format");
	tasking_assert_contains(tasking_fault()->message, "brotli");
}

/* What gzip -9 of another program gives, with a name in its head. */
static void
test_gzip_with_name(void **state)
{
	/* printf hello > n; gzip -n would leave the name out */
	static const uint8_t in[] = {0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 2, 3, 'n', 0,
	    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0,
	    0};

	compressing_gives(tasking_bin(in, sizeof in), NULL, 0, "hello", 5);
}

/* A result that does not fit the answer is refused, and nothing is left. */
static void
test_result_limit(void **state)
{
	uint8_t *noise = compressing_noise(4096);
	msgpack_object_kv kv[2] = {{tasking_str("input", 5),
				       tasking_bin(noise, 4096)},
	    {tasking_str("format", 6), tasking_str("", 0)}};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP, .via.map = {2, kv}};
	for (size_t f = 0; f < FORMATS; f++) {
		kv[1].val =
		    tasking_str(formats[f].name, strlen(formats[f].name));
		assert_int_equal(tasking_run("data:compress", &data, 4000), -1);
		assert_int_equal(tasking_fault()->code, CODE_TOO_LARGE);
		assert_int_equal(tasking_run("data:compress", &data, 5000), 0);
		assert_int_equal(tasking_run("data:compress", &data, 0), -1);
	}
	free(noise);
}

static void
test_refusals(void **state)
{
	static const char *const types[] = {"data:compress", "data:decompress"};
	const struct fault *f;

	for (size_t i = 0; i < 2; i++) {
		tasking_refuses("input", types[i], "{}");
		tasking_refuses("input", types[i], "{'input': 5}");
		tasking_refuses("input", types[i],
		    "{'input': 'a', 'data': 'a'}");
		tasking_refuses("window", types[i],
		    "{'input': 'a', 'window': 5}");
		tasking_refuses("format", types[i],
		    "{'input': 'a', 'format': 7}");
		f = tasking_refuses("format", types[i],
		    "{'input': 'a', 'format': 'zip'}");
		tasking_assert_contains(f->message,
		    "Unknown compression format");
		tasking_assert_contains(f->message, "zip");
	}
	tasking_refuses("level", "data:compress",
	    "{'input': 'a', 'level': '3'}");
	tasking_refuses("level", "data:compress",
	    "{'input': 'a', 'level': 2.5}");
	tasking_refuses("maxOutput", "data:decompress",
	    "{'input': 'a', 'maxOutput': 0}");
	tasking_refuses("maxOutput", "data:decompress",
	    "{'input': 'a', 'maxOutput': -1}");
	tasking_refuses("maxOutput", "data:decompress",
	    "{'input': 'a', 'maxOutput': 1125899906842625}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trips),
	    cmocka_unit_test(test_smaller),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_concatenated),
	    cmocka_unit_test(test_unknown_size),
	    cmocka_unit_test(test_skippable),
	    cmocka_unit_test(test_bombs),
	    cmocka_unit_test(test_default_limit),
	    cmocka_unit_test(test_gzip_hint_lies),
	    cmocka_unit_test(test_zstd_size_lies),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_trailing_garbage),
	    cmocka_unit_test(test_format_given),
	    cmocka_unit_test(test_gzip_with_name),
	    cmocka_unit_test(test_result_limit),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
