#include "worker/tasks/compress.h"

#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "worker/call.h"

#define ZSTD_LEVEL_MAX 19 /* above it are windows that readers refuse */
#define ZSTD_LEVEL 3
#define GZIP_LEVEL_MAX 12
#define GZIP_LEVEL 6
#define GZIP_LEVEL_KEEP 9 /* above it a compressor takes 9 MB */

enum compress_field { COMPRESS_INPUT, COMPRESS_FORMAT, COMPRESS_LEVEL };

const char *const compress_formats[] = {"zstd", "gzip", NULL};

static const struct field compress_fields[] = {
    [COMPRESS_INPUT] = {.name = "input",
	.alias = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.about = "What to compress; a string counts as its bytes."},
    [COMPRESS_FORMAT] = {.name = "format",
	.kinds = FIELD_STR,
	.allowed = compress_formats,
	.noun = "compression format",
	.fallback = "zstd",
	.about = "The format to write."},
    [COMPRESS_LEVEL] = {.name = "level",
	.kinds = FIELD_INT,
	.min = 1,
	.max = ZSTD_LEVEL_MAX,
	.fallback = "3 for zstd, 6 for gzip",
	.about = "zstd 1 to 19, gzip 1 to 12; higher is smaller and "
		 "slower."},
    {.name = NULL},
};

/* Contexts are worth keeping: at 1 KiB a fresh one takes three times as long. */
static ZSTD_CCtx *compress_zstd_ctx;
static struct libdeflate_compressor *compress_gzip_ctx;
static int compress_gzip_level; /* what compress_gzip_ctx was made for */

/* Gives the zstd context, ready for one frame, or NULL: no memory. */
static ZSTD_CCtx *
compress_zstd_begin(int level)
{
	if (compress_zstd_ctx == NULL)
		compress_zstd_ctx = ZSTD_createCCtx();
	if (compress_zstd_ctx == NULL)
		return NULL;
	ZSTD_CCtx_reset(compress_zstd_ctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(compress_zstd_ctx, ZSTD_c_compressionLevel,
	    level);
	ZSTD_CCtx_setParameter(compress_zstd_ctx, ZSTD_c_checksumFlag, 1);
	return compress_zstd_ctx;
}

/* Frees the zstd context if it has grown large. */
static void
compress_zstd_end(void)
{
	if (ZSTD_sizeof_CCtx(compress_zstd_ctx) <= COMPRESS_KEEP_MAX)
		return;
	ZSTD_freeCCtx(compress_zstd_ctx);
	compress_zstd_ctx = NULL;
}

/* Compresses to one zstd frame with its size and a checksum. */
static int
compress_zstd(struct call *call, const uint8_t *bytes, size_t len, int level)
{
	size_t room = ZSTD_compressBound(len), n;
	ZSTD_CCtx *ctx = compress_zstd_begin(level);
	uint8_t *place;

	if (ctx == NULL)
		return call_no_memory(call);
	place = call_begin(call, &room);
	if (place == NULL)
		return -1;
	n = ZSTD_compress2(ctx, place, room, bytes, len);
	compress_zstd_end();
	if (!ZSTD_isError(n)) {
		call_end(call, n);
		return 0;
	}
	if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
		return call_too_large(call, "result", call->result_max);
	return call_fail(call, CODE_WORKER_ERROR, "cannot compress: %s",
	    ZSTD_getErrorName(n));
}

/* Gives a gzip compressor of the level, or NULL: no memory. */
static struct libdeflate_compressor *
compress_gzip_begin(int level)
{
	if (compress_gzip_ctx != NULL && compress_gzip_level == level)
		return compress_gzip_ctx;
	libdeflate_free_compressor(compress_gzip_ctx);
	compress_gzip_ctx = libdeflate_alloc_compressor(level);
	compress_gzip_level = level;
	return compress_gzip_ctx;
}

/* Frees the gzip compressor if it is one of the large ones. */
static void
compress_gzip_end(void)
{
	if (compress_gzip_level <= GZIP_LEVEL_KEEP)
		return;
	libdeflate_free_compressor(compress_gzip_ctx);
	compress_gzip_ctx = NULL;
}

/* Compresses to one gzip member. */
static int
compress_gzip(struct call *call, const uint8_t *bytes, size_t len, int level)
{
	struct libdeflate_compressor *ctx = compress_gzip_begin(level);
	size_t room, n;
	uint8_t *place;

	if (ctx == NULL)
		return call_no_memory(call);
	room = libdeflate_gzip_compress_bound(ctx, len);
	place = call_begin(call, &room);
	if (place == NULL)
		return -1;
	n = libdeflate_gzip_compress(ctx, bytes, len, place, room);
	compress_gzip_end();
	if (n == 0)
		return call_too_large(call, "result", call->result_max);
	call_end(call, n);
	return 0;
}

/* Compresses in the format that was asked for. */
static int
compress_run(struct call *call)
{
	const msgpack_object *level = call->args[COMPRESS_LEVEL];
	size_t len;
	const uint8_t *bytes = call_bytes(call->args[COMPRESS_INPUT], &len);

	if (!call_is(call->args[COMPRESS_FORMAT], "gzip"))
		return compress_zstd(call, bytes, len,
		    (int)call_int(level, ZSTD_LEVEL));
	if (call_int(level, GZIP_LEVEL) > GZIP_LEVEL_MAX)
		return call_refuse(call, "level",
		    "an integer from 1 to 12 for gzip", level);
	return compress_gzip(call, bytes, len,
	    (int)call_int(level, GZIP_LEVEL));
}

const struct task_type compress_type = {
    .name = "data:compress",
    .about = "Compresses a string or bytes.",
    .result = "Bytes.",
    .example = "{\"input\": \"text\", \"format\": \"gzip\", "
	       "\"level\": 6}",
    .flags = TYPE_PURE,
    .fields = compress_fields,
    .run = compress_run,
};
