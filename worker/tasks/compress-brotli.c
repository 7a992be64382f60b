/* data:compress to brotli */

#include <stdlib.h>

#include <brotli/encode.h>

#include "worker/call.h"
#include "worker/heap.h"
#include "worker/quota.h"
#include "worker/sink.h"
#include "worker/tasks/compress-work.h"
#include "worker/tasks/compress.h"

#define BROTLI_WINDOW 22 /* bits; up to 24 every reader takes */
#define BROTLI_LEVEL_LARGE 9 /* from it on it takes 20 MiB and more */
#define BROTLI_SLICE ((size_t)256 << 10) /* at level 11 this is 0.3 s */

/*
 * The encoder ends the process when it gets no memory: then its death is to have
 * the right reason.
 */
static void *
brotli_get(void *opaque, size_t size)
{
	void *p = malloc(size);

	(void)opaque;
	if (p == NULL)
		quota_blame_memory();
	return p;
}

static void
brotli_give_back(void *opaque, void *p)
{
	(void)opaque;
	free(p);
}

/* Compresses one piece of input, or what is left of the stream. */
static int
compress_brotli_piece(struct sink *out, BrotliEncoderState *state,
    const uint8_t *bytes, size_t len, BrotliEncoderOperation mode)
{
	for (;;) {
		size_t room = out->room - out->used;
		uint8_t *to = out->at + out->used;

		/* with parameters in range only memory can fail it */
		if (!BrotliEncoderCompressStream(state, mode, &len, &bytes,
			&room, &to, NULL))
			return call_no_memory(out->call);
		out->used = out->room - room;
		if (mode == BROTLI_OPERATION_FINISH
			? BrotliEncoderIsFinished(state)
			: len == 0 && !BrotliEncoderHasMoreOutput(state))
			return 0;
		if (room == 0 && sink_more(out) < 0)
			return -1;
	}
}

/* Compresses all that comes to one stream. */
static int
compress_brotli_stream(struct compress_work *w, struct sink *out,
    BrotliEncoderState *state)
{
	const uint8_t *bytes;
	size_t len;

	do {
		if (compress_next(w, &bytes, &len) < 0)
			return -1;
		if (compress_brotli_piece(out, state, bytes, len,
			w->in.left == 0 ? BROTLI_OPERATION_FINISH
					: BROTLI_OPERATION_PROCESS) < 0)
			return -1;
	} while (w->in.left > 0);
	return 0;
}

/* Sets what the stream is to be like. */
static void
compress_brotli_tune(const struct compress_work *w, BrotliEncoderState *state)
{
	uint32_t hint =
	    w->in.len < UINT32_MAX ? (uint32_t)w->in.len : UINT32_MAX;

	BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY,
	    (uint32_t)w->level);
	BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, BROTLI_WINDOW);
	BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, hint);
}

/*
 * Compresses to one brotli stream (RFC 7932). An encoder cannot be used again:
 * it is made anew each time.
 */
int
compress_brotli(struct compress_work *w)
{
	uint64_t bound = BrotliEncoderMaxCompressedSize((size_t)w->in.len);
	BrotliEncoderState *state =
	    BrotliEncoderCreateInstance(brotli_get, brotli_give_back, NULL);
	struct sink out;
	int rc;

	if (state == NULL)
		return call_no_memory(w->call);
	w->slice = BROTLI_SLICE;
	compress_brotli_tune(w, state);
	rc = sink_init(&out, w->call, bound, bound);
	if (rc == 0)
		rc = compress_brotli_stream(w, &out, state);
	BrotliEncoderDestroyInstance(state);
	if (w->level >= BROTLI_LEVEL_LARGE)
		heap_give_back();
	return rc < 0 ? -1 : sink_end(&out);
}
