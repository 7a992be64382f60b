/*
 * data:compress to gzip and deflate. libdeflate takes all at once: a file is
 * read to memory, and what has no room there goes by zlib.
 */

#include <libdeflate.h>

#include "worker/call.h"
#include "worker/files.h"
#include "worker/heap.h"
#include "worker/tasks/compress-work.h"
#include "worker/tasks/compress.h"

#define DEFLATE_LEVEL_KEEP 9 /* above it a compressor takes 9 MB */

/* One of the formats that libdeflate writes. */
struct compress_deflate {
	size_t (*bound)(struct libdeflate_compressor *ctx, size_t len);
	size_t (*run)(struct libdeflate_compressor *ctx, const void *in,
	    size_t len, void *out, size_t room);
	bool is_gzip;
};

static struct libdeflate_compressor *compress_deflate_ctx;
static int compress_deflate_level; /* what the context was made for */

/* Gives a compressor of the level, or NULL: no memory. */
static struct libdeflate_compressor *
compress_deflate_begin(int level)
{
	if (compress_deflate_ctx != NULL && compress_deflate_level == level)
		return compress_deflate_ctx;
	libdeflate_free_compressor(compress_deflate_ctx);
	compress_deflate_ctx = libdeflate_alloc_compressor(level);
	compress_deflate_level = level;
	return compress_deflate_ctx;
}

/* Frees the compressor if it is one of the large ones. */
static void
compress_deflate_end(void)
{
	if (compress_deflate_level <= DEFLATE_LEVEL_KEEP)
		return;
	libdeflate_free_compressor(compress_deflate_ctx);
	compress_deflate_ctx = NULL;
	heap_give_back();
}

/* Compresses bytes in memory. */
static int
compress_deflate_bytes(struct call *call, const struct compress_deflate *f,
    int level, const uint8_t *bytes, size_t len)
{
	struct libdeflate_compressor *ctx = compress_deflate_begin(level);
	size_t room, n;
	uint8_t *place;

	if (ctx == NULL)
		return call_no_memory(call);
	room = f->bound(ctx, len);
	place = call_begin(call, &room);
	if (place == NULL)
		return -1;
	n = f->run(ctx, bytes, len, place, room);
	compress_deflate_end();
	if (n == 0)
		return call_too_large(call, "result", call->result_max);
	call_end(call, n);
	return 0;
}

/* Whether input, and what it may become, have room in memory. */
static bool
compress_deflate_fits(const struct compress_work *w,
    const struct compress_deflate *f)
{
	if (w->in.len > w->call->result_max)
		return false;
	return !files_take_result(w->call) ||
	       f->bound(NULL, (size_t)w->in.len) <= call_room(w->call);
}

/* Has the input in memory, and compresses it. */
static int
compress_deflate(struct compress_work *w, const struct compress_deflate *f)
{
	const uint8_t *bytes;
	size_t len;

	if (!compress_deflate_fits(w, f))
		return compress_zlib(w, f->is_gzip);
	if (call_load(w->call, w->in.field, w->input) < 0)
		return -1;
	bytes = call_bytes(w->input, &len);
	return compress_deflate_bytes(w->call, f, w->level, bytes, len);
}

/* Compresses to one gzip member (RFC 1952). */
int
compress_deflate_gzip(struct compress_work *w)
{
	static const struct compress_deflate gzip =
	    {libdeflate_gzip_compress_bound, libdeflate_gzip_compress, true};

	return compress_deflate(w, &gzip);
}

/* Compresses to what HTTP calls deflate: a zlib stream (RFC 1950). */
int
compress_deflate_zlib(struct compress_work *w)
{
	static const struct compress_deflate zlib =
	    {libdeflate_zlib_compress_bound, libdeflate_zlib_compress, false};

	return compress_deflate(w, &zlib);
}
