/* data:compress to zstd */

#include <zstd.h>
#include <zstd_errors.h>

#include "worker/call.h"
#include "worker/heap.h"
#include "worker/sink.h"
#include "worker/tasks/compress-work.h"
#include "worker/tasks/compress.h"
#include "worker/tasks/dictionary.h"

#define ZSTD_LEVEL_SLOW 10 /* from it on a MiB takes 10 ms and more */

/* Contexts are worth keeping: at 1 KiB a fresh one takes three times as long. */
static ZSTD_CCtx *compress_zstd_ctx;

/* Makes the context ready for one frame. Returns 0 or -1. */
static int
compress_zstd_begin(struct compress_work *w)
{
	const ZSTD_CDict *dictionary = NULL;
	ZSTD_CCtx *ctx;

	if (compress_zstd_ctx == NULL)
		compress_zstd_ctx = ZSTD_createCCtx();
	ctx = compress_zstd_ctx;
	if (ctx == NULL)
		return call_no_memory(w->call);
	ZSTD_CCtx_reset(ctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, w->level);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, w->checksum);
	ZSTD_CCtx_setPledgedSrcSize(ctx, w->in.len);
	if (w->dictionary == NULL)
		return 0;
	dictionary = dictionary_compress(w->call, w->dictionary, w->level);
	if (dictionary == NULL)
		return -1;
	ZSTD_CCtx_refCDict(ctx, dictionary);
	return 0;
}

/* Frees the context if it has grown large, and a dictionary that is too. */
static void
compress_zstd_end(void)
{
	dictionary_trim();
	if (ZSTD_sizeof_CCtx(compress_zstd_ctx) <= COMPRESS_KEEP_MAX)
		return;
	ZSTD_freeCCtx(compress_zstd_ctx);
	compress_zstd_ctx = NULL;
	heap_give_back();
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
compress_zstd_piece(struct sink *out, ZSTD_inBuffer *in, ZSTD_EndDirective mode)
{
	for (;;) {
		ZSTD_outBuffer to = {out->at, out->room, out->used};
		size_t rc =
		    ZSTD_compressStream2(compress_zstd_ctx, &to, in, mode);

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
compress_zstd_frame(struct compress_work *w, struct sink *out)
{
	do {
		ZSTD_inBuffer piece = {NULL, 0, 0};
		const uint8_t *bytes;

		if (compress_next(w, &bytes, &piece.size) < 0)
			return -1;
		piece.src = bytes;
		if (compress_zstd_piece(out, &piece,
			w->in.left == 0 ? ZSTD_e_end : ZSTD_e_continue) < 0)
			return -1;
	} while (w->in.left > 0);
	return 0;
}

/* Compresses to one zstd frame with its size. */
int
compress_zstd(struct compress_work *w)
{
	uint64_t bound = ZSTD_compressBound((size_t)w->in.len);
	struct sink out;
	int rc;

	/* input that comes in one piece is not copied by the library */
	w->in.piece = BLOB_PIECE_MAX;
	if (w->level >= ZSTD_LEVEL_SLOW)
		w->slice = BLOB_PIECE_MAX;
	rc = compress_zstd_begin(w);
	if (rc == 0)
		rc = sink_init(&out, w->call, bound, bound);
	if (rc == 0)
		rc = compress_zstd_frame(w, &out);
	compress_zstd_end();
	return rc < 0 ? -1 : sink_end(&out);
}
