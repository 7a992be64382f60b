/* data:decompress from zstd */

#include <zstd.h>
#include <zstd_errors.h>

#include "worker/call.h"
#include "worker/heap.h"
#include "worker/tasks/compress.h"
#include "worker/tasks/decompress-work.h"
#include "worker/tasks/dictionary.h"

#define ZSTD_MAGIC_LEN 4
#define ZSTD_MAGIC 0xfd2fb528u
#define ZSTD_SKIPPABLE 0x184d2a50u
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u
#define ZSTD_FRAME_MIN 5 /* bytes by which the library knows a frame */
#define ZSTD_HEADER_MAX 18
#define ZSTD_WINDOW_MAX 27 /* bits: 128 MiB, as for zstd -d */

/* How far the frames are read. */
struct decompress_frames {
	uint64_t done; /* bytes of input */
	uint64_t end; /* of the last frame that is read, in the input */
	bool inside; /* a frame has begun */
};

/* Kept from call to call. */
static ZSTD_DCtx *decompress_zstd_ctx;

/* The four bytes at p as a number, little end first. */
static uint32_t
decompress_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Whether a frame, a skippable one too, begins here. */
bool
decompress_zstd_matches(const uint8_t *head, size_t len)
{
	uint32_t magic;

	if (len < ZSTD_MAGIC_LEN)
		return false;
	magic = decompress_u32(head);
	return magic == ZSTD_MAGIC ||
	       (magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE;
}

/* Refuses a frame that was made with another dictionary. */
static int
decompress_zstd_wrong_dictionary(struct decompress_work *w, unsigned int wants,
    unsigned int has)
{
	if (w->dictionary == NULL)
		return call_fail(w->call, CODE_WORKER_ERROR,
		    "the zstd data was compressed with a dictionary, number "
		    "%u: it must be given as dictionary",
		    wants);
	return call_fail(w->call, CODE_WORKER_ERROR,
	    "the zstd data was compressed with dictionary number %u, and the "
	    "one given is number %u",
	    wants, has);
}

/*
 * Sees to the dictionary. The number of the first frame's is checked here, to
 * say it; those of others by the library.
 */
static int
decompress_zstd_dictionary(struct decompress_work *w)
{
	uint8_t head[ZSTD_HEADER_MAX];
	size_t len = blob_peek(&w->in, head, sizeof head);
	unsigned int wants = ZSTD_getDictID_fromFrame(head, len), has = 0;
	const ZSTD_DDict *dictionary = NULL;

	if (w->dictionary != NULL) {
		dictionary = dictionary_decompress(w->call, w->dictionary);
		if (dictionary == NULL)
			return -1;
		has = ZSTD_getDictID_fromDDict(dictionary);
	}
	if (wants != 0 && wants != has)
		return decompress_zstd_wrong_dictionary(w, wants, has);
	ZSTD_DCtx_refDDict(decompress_zstd_ctx, dictionary);
	return 0;
}

/* Makes the context ready for new input. Returns 0 or -1. */
static int
decompress_zstd_begin(struct decompress_work *w)
{
	if (decompress_zstd_ctx == NULL)
		decompress_zstd_ctx = ZSTD_createDCtx();
	if (decompress_zstd_ctx == NULL)
		return call_no_memory(w->call);
	/* what is not reset keeps the last call's dictionary */
	ZSTD_DCtx_reset(decompress_zstd_ctx, ZSTD_reset_session_and_parameters);
	ZSTD_DCtx_setParameter(decompress_zstd_ctx, ZSTD_d_windowLogMax,
	    ZSTD_WINDOW_MAX);
	return decompress_zstd_dictionary(w);
}

/* Frees the context if a window has made it large, and dictionaries. */
static void
decompress_zstd_end(void)
{
	dictionary_trim();
	if (ZSTD_sizeof_DCtx(decompress_zstd_ctx) <= COMPRESS_KEEP_MAX)
		return;
	ZSTD_freeDCtx(decompress_zstd_ctx);
	decompress_zstd_ctx = NULL;
	heap_give_back();
}

/*
 * What the frames say that they hold together, or 0: not known. Frames that
 * fit their place in one piece are not copied by the library.
 */
static uint64_t
decompress_zstd_announced(const struct decompress_work *w)
{
	const uint8_t *at = w->in.bytes;
	size_t left = (size_t)w->in.len;
	uint64_t sum = 0;

	if (blob_is_file(&w->in))
		return 0;
	while (left > 0) {
		unsigned long long size = ZSTD_getFrameContentSize(at, left);
		size_t len = ZSTD_findFrameCompressedSize(at, left);

		if (size >= ZSTD_CONTENTSIZE_ERROR || ZSTD_isError(len) ||
		    size > UINT64_MAX - sum)
			return 0;
		sum += size;
		at += len;
		left -= len;
	}
	return sum;
}

/* Says what zstd found wrong. */
static int
decompress_zstd_error(struct decompress_work *w,
    const struct decompress_frames *f, size_t rc)
{
	switch (ZSTD_getErrorCode(rc)) {
	case ZSTD_error_memory_allocation:
		return call_no_memory(w->call);
	case ZSTD_error_frameParameter_windowTooLarge:
		return call_too_large(w->call, "window of the zstd data",
		    (size_t)1 << ZSTD_WINDOW_MAX);
	case ZSTD_error_prefix_unknown:
		return decompress_garbage(w, "zstd", f->end);
	case ZSTD_error_dictionary_wrong:
		return call_fail(w->call, CODE_WORKER_ERROR,
		    "a frame of the zstd data was compressed with another "
		    "dictionary");
	default:
		return call_fail(w->call, CODE_WORKER_ERROR,
		    "the zstd data is damaged%s: %s",
		    w->dictionary != NULL ? ", or the dictionary is another"
					  : "",
		    ZSTD_getErrorName(rc));
	}
}

/* Reads one piece of input, in which frames may end and begin. */
static int
decompress_zstd_piece(struct decompress_work *w, struct decompress_frames *f,
    const uint8_t *bytes, size_t len)
{
	ZSTD_inBuffer in = {bytes, len, 0};

	while (in.pos < in.size) {
		struct sink *out = &w->out;
		ZSTD_outBuffer to = {out->at, out->room, out->used};
		size_t before = in.pos;
		size_t rc =
		    ZSTD_decompressStream(decompress_zstd_ctx, &to, &in);

		out->used = to.pos;
		f->done += in.pos - before;
		if (ZSTD_isError(rc))
			return decompress_zstd_error(w, f, rc);
		f->inside = rc != 0;
		if (rc == 0)
			f->end = f->done;
		/* input is left over where output has no room, or at an end */
		else if (in.pos < in.size && decompress_more(w) < 0)
			return -1;
	}
	return 0;
}

/* Reads all frames. */
static int
decompress_zstd_frames(struct decompress_work *w)
{
	struct decompress_frames f = {.inside = true};
	const uint8_t *bytes;
	size_t len;

	do {
		if (blob_next(&w->in, w->call, &bytes, &len) < 0 ||
		    decompress_zstd_piece(w, &f, bytes, len) < 0)
			return -1;
	} while (w->in.left > 0);
	if (!f.inside)
		return 0;
	if (w->in.len - f.end < ZSTD_FRAME_MIN)
		return decompress_garbage(w, "zstd", f.end);
	return decompress_cut(w, "zstd");
}

/*
 * Has a file in memory that one read takes: where all of a frame and of its
 * output are in one piece, the library copies nothing.
 */
static int
decompress_zstd_load(struct decompress_work *w)
{
	const char *field = w->in.field;

	if (!blob_is_file(&w->in) || w->in.len > BLOB_PIECE_MAX ||
	    w->in.len > w->call->result_max)
		return 0;
	if (call_load(w->call, field, w->input) < 0)
		return -1;
	return blob_init(&w->in, w->call, field, w->input);
}

int
decompress_zstd(struct decompress_work *w)
{
	uint64_t announced;
	int rc;

	if (decompress_zstd_load(w) < 0)
		return -1;
	announced = decompress_zstd_announced(w);
	rc = decompress_zstd_begin(w);
	if (rc == 0)
		rc = decompress_begin(w, announced);
	if (rc == 0 && announced > w->out.limit)
		rc = decompress_too_large(w, w->out.limit);
	if (rc == 0)
		rc = decompress_zstd_frames(w);
	decompress_zstd_end();
	return rc < 0 ? -1 : decompress_end(w);
}
