/* data:compress and data:decompress: what zstd alone has. */

#include "tests/unit/compressing.h"

#include <stdio.h>
#include <stdlib.h>

#include <zdict.h>
#include <zstd.h>

#include "worker/tasks/dictionary.h"

#define SAMPLES 4000
#define SAMPLE 100 /* bytes of one, about */
#define TRAINED ((size_t)4096)

static uint8_t trained[TRAINED], other[TRAINED];
static size_t trained_len, other_len;
static char text[SAMPLE];

/* Trains a dictionary on lines that are alike. */
static size_t
train(uint8_t *out, const char *format)
{
	char *lines = malloc((size_t)SAMPLES * SAMPLE), *at = lines;
	size_t lens[SAMPLES], n;

	for (int i = 0; i < SAMPLES; i++) {
		lens[i] = (size_t)snprintf(at, SAMPLE, format, i * 7919, i);
		at += lens[i];
	}
	n = ZDICT_trainFromBuffer(out, TRAINED, lines, lens, SAMPLES);
	assert_false(ZDICT_isError(n));
	free(lines);
	return n;
}

static int
setup(void **state)
{
	trained_len = train(trained,
	    "{\"user\": %d, \"path\": \"/index.html\", \"status\": %d}");
	other_len = train(other, "worker %d has ended, its age is %d ms");
	snprintf(text, sizeof text,
	    "{\"user\": 12, \"path\": \"/index.html\", \"status\": 200}");
	return tasking_setup(state);
}

/* Compresses the text with a dictionary. */
static msgpack_object
pack(const uint8_t *dictionary, size_t len)
{
	if (RUN("data:compress", tasking_str(text, strlen(text)),
		WITH_BIN("dictionary", dictionary, len)) < 0)
		fail_msg("%s", tasking_fault()->message);
	return compressing_keep();
}

static void
test_round_trip(void **state)
{
	msgpack_object plain = compressing_pack(text, strlen(text), "zstd");
	msgpack_object c = pack(trained, trained_len);

	assert_true(2 * c.via.bin.size < plain.via.bin.size);
	assert_int_equal(ZSTD_getDictID_fromFrame(c.via.bin.ptr,
			     c.via.bin.size),
	    ZDICT_getDictID(trained, trained_len));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(RUN("data:decompress", c,
				     WITH_BIN("dictionary", trained,
					 trained_len)),
		    0);
		tasking_assert_bin(tasking_result(), text, strlen(text));
		/* one that was made without it does not mind */
		assert_int_equal(RUN("data:decompress", plain,
				     WITH_BIN("dictionary", trained,
					 trained_len)),
		    0);
		tasking_assert_bin(tasking_result(), text, strlen(text));
	}
	compressing_drop(c);
	compressing_drop(plain);
}

/* The library, called apart, reads ours; and we its. */
static void
test_library(void **state)
{
	msgpack_object c = pack(trained, trained_len);
	ZSTD_DCtx *dctx = ZSTD_createDCtx();
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	char back[SAMPLE], in[2 * SAMPLE];
	size_t n = ZSTD_decompress_usingDict(dctx, back, sizeof back,
	    c.via.bin.ptr, c.via.bin.size, trained, trained_len);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(back, text, n);
	n = ZSTD_compress_usingDict(cctx, in, sizeof in, text, strlen(text),
	    trained, trained_len, 7);
	assert_false(ZSTD_isError(n));
	assert_int_equal(RUN("data:decompress", tasking_bin(in, n),
			     WITH_BIN("dictionary", trained, trained_len)),
	    0);
	tasking_assert_bin(tasking_result(), text, strlen(text));
	ZSTD_freeDCtx(dctx);
	ZSTD_freeCCtx(cctx);
	compressing_drop(c);
}

/* Missing and wrong ones are told by number; the last call's is forgotten. */
static void
test_wrong(void **state)
{
	msgpack_object c = pack(trained, trained_len);
	char number[32];

	assert_int_equal(RUN("data:decompress", c,
			     WITH_BIN("dictionary", trained, trained_len)),
	    0);
	compressing_fails(c, NULL, 0, CODE_WORKER_ERROR);
	snprintf(number, sizeof number, "number %u",
	    ZDICT_getDictID(trained, trained_len));
	tasking_assert_contains(tasking_fault()->message, number);
	tasking_assert_contains(tasking_fault()->message, "must be given");
	assert_int_equal(RUN("data:decompress", c,
			     WITH_BIN("dictionary", other, other_len)),
	    -1);
	assert_int_equal(tasking_fault()->code, CODE_WORKER_ERROR);
	assert_string_equal(tasking_fault()->reason, "failed");
	tasking_assert_contains(tasking_fault()->message, number);
	snprintf(number, sizeof number, "number %u",
	    ZDICT_getDictID(other, other_len));
	tasking_assert_contains(tasking_fault()->message, number);
	compressing_drop(c);
}

/* A later frame's dictionary is checked as well. */
static void
test_wrong_in_second_frame(void **state)
{
	msgpack_object a = compressing_pack("hello", 5, "zstd");
	msgpack_object b = pack(trained, trained_len);
	uint8_t in[2 * SAMPLE];
	size_t n = a.via.bin.size, m = b.via.bin.size;

	memcpy(in, a.via.bin.ptr, n);
	memcpy(in + n, b.via.bin.ptr, m);
	compressing_fails(tasking_bin(in, n + m), NULL, 0, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message, "another dictionary");
	compressing_drop(a);
	compressing_drop(b);
}

/* Any bytes will do; they have no number, but a wrong one is found out. */
static void
test_raw(void **state)
{
	static const char raw[] = "{\"user\": 0, \"path\": \"/index.html\", ";
	static const char wrong[] = "nothing that this text has anything of";
	msgpack_object c = pack((const uint8_t *)raw, sizeof raw);

	assert_int_equal(ZSTD_getDictID_fromFrame(c.via.bin.ptr,
			     c.via.bin.size),
	    0);
	assert_int_equal(RUN("data:decompress", c,
			     WITH_BIN("dictionary", raw, sizeof raw)),
	    0);
	tasking_assert_bin(tasking_result(), text, strlen(text));
	compressing_fails(c, NULL, 0, CODE_WORKER_ERROR);
	assert_int_equal(RUN("data:decompress", c,
			     WITH_BIN("dictionary", wrong, sizeof wrong)),
	    -1);
	assert_int_equal(tasking_fault()->code, CODE_WORKER_ERROR);
	tasking_assert_contains(tasking_fault()->message,
	    "or the dictionary is another");
	compressing_drop(c);
}

/* A dictionary is a string too, and its level is the one that was asked for. */
static void
test_levels(void **state)
{
	msgpack_object c;

	for (int level = 1; level <= 19; level += 6) {
		assert_int_equal(RUN("data:compress",
				     tasking_str(text, strlen(text)),
				     WITH_BIN("dictionary", trained,
					 trained_len),
				     WITH_INT("level", level)),
		    0);
		c = compressing_keep();
		assert_int_equal(RUN("data:decompress", c,
				     WITH_BIN("dictionary", trained,
					 trained_len)),
		    0);
		tasking_assert_bin(tasking_result(), text, strlen(text));
		compressing_drop(c);
	}
	assert_int_equal(RUN("data:compress", tasking_str(text, strlen(text)),
			     WITH_STR("dictionary", "a string of some bytes")),
	    0);
}

/* However many callers bring, what is kept is bounded. */
static void
test_kept(void **state)
{
	char raw[64];
	size_t bytes;

	for (int i = 0; i < 3 * DICTIONARY_KEEP; i++) {
		msgpack_object c;

		snprintf(raw, sizeof raw, "dictionary number %d of many", i);
		c = pack((const uint8_t *)raw, sizeof raw);
		assert_int_equal(RUN("data:decompress", c,
				     WITH_BIN("dictionary", raw, sizeof raw)),
		    0);
		tasking_assert_bin(tasking_result(), text, strlen(text));
		compressing_drop(c);
		assert_true(dictionary_kept(&bytes) <= DICTIONARY_KEEP);
	}
	assert_int_equal(dictionary_kept(&bytes), DICTIONARY_KEEP);
	assert_true(bytes > 0);
}

/* One that takes more than is kept is freed after use; the others stay. */
static void
test_large(void **state)
{
	uint8_t *noise = compressing_noise(DICTIONARY_MAX + 1);
	size_t bytes;

	assert_int_equal(RUN("data:compress", tasking_bin(noise + 500000, 5000),
			     WITH_BIN("dictionary", noise, DICTIONARY_MAX),
			     WITH_INT("level", 19)),
	    0);
	assert_true(tasking_result()->via.bin.size < 100);
	assert_int_equal(dictionary_kept(&bytes), DICTIONARY_KEEP);
	assert_true(bytes <= DICTIONARY_KEEP_BYTES);
	assert_int_equal(RUN("data:compress", tasking_str("a", 1),
			     WITH_BIN("dictionary", noise, DICTIONARY_MAX + 1)),
	    -1);
	assert_int_equal(tasking_fault()->code, CODE_INVALID_ARGUMENT);
	assert_string_equal(tasking_detail(tasking_fault(), "field"),
	    "dictionary");
	free(noise);
}

/* What begins as a trained one and is none is refused, not taken as bytes. */
static void
test_damaged(void **state)
{
	static const char *const types[] = {"data:compress", "data:decompress"};

	for (size_t i = 0; i < 2; i++) {
		tasking_refuses("dictionary", types[i],
		    "{'input': {'$bin': '28b52ffd'},"
		    " 'dictionary': {'$bin': '37a430ecffffffffffff'}}");
		tasking_assert_contains(tasking_fault()->message, "damaged");
		tasking_refuses("dictionary", types[i],
		    "{'input': {'$bin': '28b52ffd'}, 'dictionary': '1234567'}");
		tasking_refuses("dictionary", types[i],
		    "{'input': {'$bin': '28b52ffd'}, 'dictionary': 12345678}");
	}
}

/* RFC 8878, 3.1.1.1.1: bit 2 of the head tells of a checksum. */
static void
test_checksum(void **state)
{
	msgpack_object c = compressing_pack(text, strlen(text), "zstd");
	size_t with = c.via.bin.size;

	assert_int_equal(c.via.bin.ptr[4] & 4, 4);
	compressing_drop(c);
	assert_int_equal(RUN("data:compress", tasking_str(text, strlen(text)),
			     WITH_BOOL("checksum", true)),
	    0);
	assert_int_equal(tasking_result()->via.bin.size, with);
	assert_int_equal(RUN("data:compress", tasking_str(text, strlen(text)),
			     WITH_BOOL("checksum", false)),
	    0);
	c = compressing_keep();
	assert_int_equal(c.via.bin.size, with - 4);
	assert_int_equal(c.via.bin.ptr[4] & 4, 0);
	compressing_gives(c, NULL, 0, text, strlen(text));
	compressing_drop(c);
	tasking_refuses("checksum", "data:compress",
	    "{'input': 'a', 'checksum': 1}");
}

/* Frames written by hand after RFC 8878, 3.1.1.2: raw and RLE blocks. */
static void
test_frames_by_hand(void **state)
{
	static const uint8_t raw[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 5,
	    5 << 3 | 1, 0, 0, 'h', 'e', 'l', 'l', 'o'};
	static const uint8_t rle[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 5,
	    5 << 3 | 2 | 1, 0, 0, 'a'};

	compressing_gives(tasking_bin(raw, sizeof raw), NULL, 0, "hello", 5);
	compressing_gives(tasking_bin(rle, sizeof rle), NULL, 0, "aaaaa", 5);
}

/* Windows up to 128 MiB are read, as by zstd -d; memory is bounded by that. */
static void
test_window(void **state)
{
	size_t len = 5000000;
	uint8_t *plain = compressing_noise(len);
	uint8_t *in = malloc(ZSTD_compressBound(len));
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	for (int window = 27; window <= 28; window++) {
		ZSTD_outBuffer out = {in, ZSTD_compressBound(len), 0};
		ZSTD_inBuffer from = {plain, len, 0};

		ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, window);
		/* the size unknown: the window is what the head says */
		ZSTD_compressStream2(ctx, &out, &from, ZSTD_e_continue);
		assert_int_equal(ZSTD_compressStream2(ctx, &out, &from,
				     ZSTD_e_end),
		    0);
		if (window == 27) {
			compressing_gives(tasking_bin(in, out.pos), NULL, 0,
			    plain, len);
			continue;
		}
		compressing_fails(tasking_bin(in, out.pos), NULL, 0,
		    CODE_TOO_LARGE);
		assert_int_equal(tasking_detail_number(tasking_fault(),
				     "limit"),
		    1 << 27);
		tasking_assert_contains(tasking_fault()->message, "window");
	}
	ZSTD_freeCCtx(ctx);
	free(in);
	free(plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_library),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_wrong_in_second_frame),
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_checksum),
	    cmocka_unit_test(test_frames_by_hand),
	    cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
