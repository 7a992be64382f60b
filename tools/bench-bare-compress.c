/* data:compress and data:decompress, at the defaults of their levels */

#include <string.h>

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <libdeflate.h>
#include <zstd.h>

#include "tools/bench-bare.h"
#include "tools/bench-spawn.h"

#define COMPRESS_ZSTD_LEVEL 3
#define COMPRESS_DEFLATE_LEVEL 6
#define COMPRESS_BROTLI_LEVEL 5
#define COMPRESS_BROTLI_WINDOW 22

enum format {
	FORMAT_ZSTD,
	FORMAT_GZIP,
	FORMAT_DEFLATE,
	FORMAT_BROTLI,
	FORMATS
};

static size_t compress_zstd(void), compress_gzip(void), compress_deflate(void),
    compress_brotli(void);
static bool decompress_zstd(void), decompress_gzip(void),
    decompress_deflate(void), decompress_brotli(void);

/* Both ways: from the text to out (0: failed), from the packed one to out. */
static const struct codec {
	const char *name;
	size_t (*pack)(void);
	bool (*unpack)(void);
	enum format format;
} codecs[] = {
    {"zstd", compress_zstd, decompress_zstd, FORMAT_ZSTD},
    {"gzip", compress_gzip, decompress_gzip, FORMAT_GZIP},
    {"deflate", compress_deflate, decompress_deflate, FORMAT_DEFLATE},
    {"brotli", compress_brotli, decompress_brotli, FORMAT_BROTLI},
};

/* The text, compressed; and contexts that are kept. */
static struct request_input packed[FORMATS];
static ZSTD_CCtx *zstd_cctx;
static ZSTD_DCtx *zstd_dctx;
static struct libdeflate_compressor *deflate_in;
static struct libdeflate_decompressor *deflate_out;

static size_t
compress_zstd(void)
{
	size_t n;

	ZSTD_CCtx_reset(zstd_cctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(zstd_cctx, ZSTD_c_compressionLevel,
	    COMPRESS_ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(zstd_cctx, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(zstd_cctx, bare_common.out, bare_common.out_size,
	    bare_common.text.bytes, BARE_SIZE);
	return ZSTD_isError(n) ? 0 : n;
}

static bool
decompress_zstd(void)
{
	ZSTD_inBuffer in = {packed[FORMAT_ZSTD].bytes, packed[FORMAT_ZSTD].len,
	    0};
	ZSTD_outBuffer out = {bare_common.out, bare_common.out_size, 0};

	ZSTD_DCtx_reset(zstd_dctx, ZSTD_reset_session_only);
	return ZSTD_decompressStream(zstd_dctx, &out, &in) == 0 &&
	       out.pos == BARE_SIZE;
}

static size_t
compress_gzip(void)
{
	return libdeflate_gzip_compress(deflate_in, bare_common.text.bytes,
	    BARE_SIZE, bare_common.out, bare_common.out_size);
}

static bool
decompress_gzip(void)
{
	return libdeflate_gzip_decompress(deflate_out,
		   packed[FORMAT_GZIP].bytes, packed[FORMAT_GZIP].len,
		   bare_common.out, BARE_SIZE, NULL) == LIBDEFLATE_SUCCESS;
}

static size_t
compress_deflate(void)
{
	return libdeflate_zlib_compress(deflate_in, bare_common.text.bytes,
	    BARE_SIZE, bare_common.out, bare_common.out_size);
}

static bool
decompress_deflate(void)
{
	return libdeflate_zlib_decompress(deflate_out,
		   packed[FORMAT_DEFLATE].bytes, packed[FORMAT_DEFLATE].len,
		   bare_common.out, BARE_SIZE, NULL) == LIBDEFLATE_SUCCESS;
}

static size_t
compress_brotli(void)
{
	size_t n = bare_common.out_size;

	return BrotliEncoderCompress(COMPRESS_BROTLI_LEVEL,
		   COMPRESS_BROTLI_WINDOW, BROTLI_DEFAULT_MODE, BARE_SIZE,
		   (const uint8_t *)bare_common.text.bytes, &n,
		   (uint8_t *)bare_common.out)
		   ? n
		   : 0;
}

static bool
decompress_brotli(void)
{
	const struct request_input *in = &packed[FORMAT_BROTLI];
	size_t n = bare_common.out_size;

	return BrotliDecoderDecompress(in->len, (const uint8_t *)in->bytes, &n,
		   (uint8_t *)bare_common.out) ==
		   BROTLI_DECODER_RESULT_SUCCESS &&
	       n == BARE_SIZE;
}

static void
compress_work(const struct bare *bare)
{
	const struct codec *c = bare->how;

	bare_check(c->pack() > 0, "compress");
}

static void
decompress_work(const struct bare *bare)
{
	const struct codec *c = bare->how;

	bare_check(c->unpack(), "decompress");
}

static void
compress_form_of(const char *type, const struct codec *c,
    const struct request_input *in, struct form *f, bool by_fd)
{
	struct request r;

	request_init(&r, type, 2);
	request_str(&r, "format", c->name);
	request_large(&r, "input", in, by_fd, bare_common.result_fds);
	request_end(&r, f);
}

static void
compress_form(const struct bare *bare, struct form *f, bool by_fd)
{
	compress_form_of("data:compress", bare->how, &bare_common.text, f,
	    by_fd);
}

static void
decompress_form(const struct bare *bare, struct form *f, bool by_fd)
{
	const struct codec *c = bare->how;

	compress_form_of("data:decompress", c, &packed[c->format], f, by_fd);
}

static void
compress_init(void)
{
	zstd_cctx = ZSTD_createCCtx();
	zstd_dctx = ZSTD_createDCtx();
	deflate_in = libdeflate_alloc_compressor(COMPRESS_DEFLATE_LEVEL);
	deflate_out = libdeflate_alloc_decompressor();
	bare_check(zstd_cctx != NULL && zstd_dctx != NULL &&
		       deflate_in != NULL && deflate_out != NULL,
	    "begin to compress");
	for (int i = 0; i < FORMATS; i++) {
		size_t n = codecs[i].pack();
		char *bytes = spawn_alloc(n + 1);

		bare_check(n > 0, "compress");
		memcpy(bytes, bare_common.out, n);
		request_input_init(&packed[codecs[i].format], bytes, n);
	}
}

static void
compress_clear(void)
{
	for (int i = 0; i < FORMATS; i++)
		request_input_clear(&packed[i]);
	ZSTD_freeCCtx(zstd_cctx);
	ZSTD_freeDCtx(zstd_dctx);
	libdeflate_free_compressor(deflate_in);
	libdeflate_free_decompressor(deflate_out);
}

#define COMPRESS_FIRST (BARE_BY_FD | BARE_INLINE), BARE_MIDDLE, &codecs[0]
#define COMPRESS_OTHER(i) (BARE_BY_FD | BARE_BRIEF), BARE_MIDDLE, &codecs[i]

static const struct bare compress_rows[] = {
    {"data:compress", NULL, "ZSTD_compress2() of one context, level 3",
	COMPRESS_FIRST, compress_form, compress_work},
    {"data:decompress", NULL, "ZSTD_decompressStream() of one context",
	COMPRESS_FIRST, decompress_form, decompress_work},
    {"data:compress.gzip", NULL, "libdeflate of one context, level 6",
	COMPRESS_OTHER(1), compress_form, compress_work},
    {"data:decompress.gzip", NULL, "libdeflate of one context",
	COMPRESS_OTHER(1), decompress_form, decompress_work},
    {"data:compress.deflate", NULL, "libdeflate of one context, level 6",
	COMPRESS_OTHER(2), compress_form, compress_work},
    {"data:decompress.deflate", NULL, "libdeflate of one context",
	COMPRESS_OTHER(2), decompress_form, decompress_work},
    {"data:compress.brotli", NULL, "BrotliEncoderCompress(), level 5",
	COMPRESS_OTHER(3), compress_form, compress_work},
    {"data:decompress.brotli", NULL, "BrotliDecoderDecompress()",
	COMPRESS_OTHER(3), decompress_form, decompress_work},
    {NULL},
};

const struct bare_family bare_compress = {compress_init, compress_clear,
    compress_rows};
