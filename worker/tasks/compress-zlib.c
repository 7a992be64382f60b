/*
 * data:compress to gzip and deflate, piece by piece: what libdeflate, which
 * takes all at once and is twice as fast, has no memory for.
 */

#define ZLIB_CONST
#include <zlib.h>

#include "worker/call.h"
#include "worker/sink.h"
#include "worker/tasks/compress-work.h"

#define ZLIB_WINDOW 15 /* bits: 32 KiB */
#define ZLIB_GZIP 16 /* added to the window: gzip's head and end */
#define ZLIB_MEMORY 8 /* the library's default: 256 KiB in all */

/* Compresses one piece of input; the last one ends the stream. */
static int
compress_zlib_piece(struct sink *out, z_stream *z, int mode)
{
	for (;;) {
		int rc;

		z->next_out = out->at + out->used;
		z->avail_out = (uInt)(out->room - out->used);
		rc = deflate(z, mode);
		out->used = out->room - z->avail_out;
		if (mode == Z_FINISH ? rc == Z_STREAM_END : z->avail_out > 0)
			return 0;
		if (z->avail_out == 0 && sink_more(out) < 0)
			return -1;
	}
}

/* Compresses all that comes to one stream. */
static int
compress_zlib_stream(struct compress_work *w, struct sink *out, z_stream *z)
{
	const uint8_t *bytes;
	size_t len;

	do {
		if (compress_next(w, &bytes, &len) < 0)
			return -1;
		z->next_in = bytes;
		z->avail_in = (uInt)len;
		if (compress_zlib_piece(out, z,
			w->in.left == 0 ? Z_FINISH : Z_NO_FLUSH) < 0)
			return -1;
	} while (w->in.left > 0);
	return 0;
}

int
compress_zlib(struct compress_work *w, bool gzip)
{
	int level =
	    w->level < Z_BEST_COMPRESSION ? w->level : Z_BEST_COMPRESSION;
	z_stream z = {0};
	struct sink out;
	int rc;

	w->slice = BLOB_PIECE_MAX;
	if (deflateInit2(&z, level, Z_DEFLATED,
		ZLIB_WINDOW + (gzip ? ZLIB_GZIP : 0), ZLIB_MEMORY,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return call_no_memory(w->call);
	rc = sink_init(&out, w->call, w->in.len, UINT64_MAX);
	if (rc == 0)
		rc = compress_zlib_stream(w, &out, &z);
	deflateEnd(&z);
	return rc < 0 ? -1 : sink_end(&out);
}
