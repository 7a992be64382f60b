/* data:decompress from brotli */

#include <brotli/decode.h>

#include "worker/call.h"
#include "worker/tasks/decompress-work.h"

#define BROTLI_WINDOW_MAX 24 /* bits: 16 MiB, the most of RFC 7932 */

/* Whether the decoder failed for want of memory. */
static bool
decompress_brotli_no_memory(BrotliDecoderErrorCode code)
{
	return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
	       code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
}

/* Says what brotli found wrong. */
static int
decompress_brotli_error(struct decompress_work *w, BrotliDecoderState *state)
{
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(state);

	if (decompress_brotli_no_memory(code))
		return call_no_memory(w->call);
	if (code == BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS)
		return call_too_large(w->call, "window of the brotli data",
		    (size_t)1 << BROTLI_WINDOW_MAX);
	return call_fail(w->call, CODE_WORKER_ERROR,
	    "the brotli data is damaged: %s", BrotliDecoderErrorString(code));
}

/* Reads one piece of input; *len is what is left of it at the stream's end. */
static int
decompress_brotli_piece(struct decompress_work *w, BrotliDecoderState *state,
    const uint8_t *bytes, size_t *len)
{
	struct sink *out = &w->out;
	BrotliDecoderResult result;

	for (;;) {
		size_t room = out->room - out->used;
		uint8_t *to = out->at + out->used;

		result = BrotliDecoderDecompressStream(state, len, &bytes,
		    &room, &to, NULL);
		out->used = out->room - room;
		if (result == BROTLI_DECODER_RESULT_ERROR)
			return decompress_brotli_error(w, state);
		if (result != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
			return 0;
		if (decompress_more(w) < 0)
			return -1;
	}
}

/* Reads the stream; there is one, and nothing behind it. */
static int
decompress_brotli_stream(struct decompress_work *w, BrotliDecoderState *state)
{
	const uint8_t *bytes;
	size_t len;

	do {
		if (blob_next(&w->in, w->call, &bytes, &len) < 0 ||
		    decompress_brotli_piece(w, state, bytes, &len) < 0)
			return -1;
	} while (w->in.left > 0 && !BrotliDecoderIsFinished(state));
	if (!BrotliDecoderIsFinished(state))
		return decompress_cut(w, "brotli");
	len += (size_t)w->in.left;
	if (len > 0)
		return decompress_garbage(w, "brotli", w->in.len - len);
	return 0;
}

/* A decoder cannot be used again: it is made anew each time. */
int
decompress_brotli(struct decompress_work *w)
{
	BrotliDecoderState *state =
	    BrotliDecoderCreateInstance(NULL, NULL, NULL);
	int rc;

	if (state == NULL)
		return call_no_memory(w->call);
	rc = decompress_begin(w, 0);
	if (rc == 0)
		rc = decompress_brotli_stream(w, state);
	BrotliDecoderDestroyInstance(state);
	return rc < 0 ? -1 : decompress_end(w);
}
