#include "worker/tasks/compress.h"

#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "worker/blob.h"
#include "worker/call.h"
#include "worker/sink.h"

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
	.streams = true,
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

/* Says what zstd could not do. */
static int
compress_zstd_error(struct call *call, size_t rc)
{
	if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
		return call_no_memory(call);
	if (ZSTD_getErrorCode(rc) == ZSTD_error_dstSize_tooSmall)
		return call_too_large(call, "result", call->result_max);
	return call_fail(call, CODE_WORKER_ERROR, "cannot compress: %s",
	    ZSTD_getErrorName(rc));
}

/* Compresses one piece of input; the last one ends the frame. */
static int
compress_zstd_piece(struct sink *out, ZSTD_CCtx *ctx, ZSTD_inBuffer *in,
    ZSTD_EndDirective mode)
{
	for (;;) {
		ZSTD_outBuffer to = {out->at, out->room, out->used};
		size_t rc = ZSTD_compressStream2(ctx, &to, in, mode);

		out->used = to.pos;
		if (ZSTD_isError(rc))
			return compress_zstd_error(out->call, rc);
		if (mode == ZSTD_e_end ? rc == 0 : in->pos == in->size)
			return 0;
		if (out->used == out->room && sink_more(out) < 0)
			return -1;
	}
}

/* Compresses all that comes to one frame. */
static int
compress_zstd_frame(struct blob *in, struct sink *out, ZSTD_CCtx *ctx)
{
	do {
		ZSTD_inBuffer piece = {NULL, 0, 0};
		const uint8_t *bytes;

		if (blob_next(in, out->call, &bytes, &piece.size) < 0)
			return -1;
		piece.src = bytes;
		if (compress_zstd_piece(out, ctx, &piece,
			in->left == 0 ? ZSTD_e_end : ZSTD_e_continue) < 0)
			return -1;
	} while (in->left > 0);
	return 0;
}

/* Compresses to one zstd frame with its size and a checksum. */
static int
compress_zstd(struct call *call, struct blob *in, int level)
{
	ZSTD_CCtx *ctx = compress_zstd_begin(level);
	uint64_t bound = ZSTD_compressBound((size_t)in->len);
	struct sink out;
	int rc;

	if (ctx == NULL)
		return call_no_memory(call);
	/* input that comes in one piece is not copied by the library */
	in->piece = BLOB_PIECE_MAX;
	ZSTD_CCtx_setPledgedSrcSize(ctx, in->len);
	rc = sink_init(&out, call, bound, bound);
	if (rc == 0)
		rc = compress_zstd_frame(in, &out, ctx);
	compress_zstd_end();
	return rc < 0 ? -1 : sink_end(&out);
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

/*
 * Compresses in the format that was asked for. libdeflate takes all at once:
 * for gzip a file is read to memory.
 */
static int
compress_run(struct call *call)
{
	const msgpack_object *level = call->args[COMPRESS_LEVEL];
	const msgpack_object *input = call->args[COMPRESS_INPUT];
	struct blob in;
	size_t len;
	const uint8_t *bytes;

	if (!call_is(call->args[COMPRESS_FORMAT], "gzip"))
		return blob_init(&in, call, "input", input) < 0
			   ? -1
			   : compress_zstd(call, &in,
				 (int)call_int(level, ZSTD_LEVEL));
	if (call_int(level, GZIP_LEVEL) > GZIP_LEVEL_MAX)
		return call_refuse(call, "level",
		    "an integer from 1 to 12 for gzip", level);
	if (call_load(call, "input", input) < 0)
		return -1;
	bytes = call_bytes(input, &len);
	return compress_gzip(call, bytes, len,
	    (int)call_int(level, GZIP_LEVEL));
}

const struct task_type compress_type = {
    .name = "data:compress",
    .about = "Compresses a string or bytes.",
    .result = "Bytes.",
    .example = "{\"input\": \"text\", \"format\": \"gzip\", "
	       "\"level\": 6}",
    .flags = TYPE_IDEMPOTENT,
    .timeout_ms = 30000,
    .fields = compress_fields,
    .run = compress_run,
};
