#include "worker/tasks/decompress.h"

#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/limit.h"
#include "worker/blob.h"
#include "worker/call.h"
#include "worker/files.h"
#include "worker/sink.h"
#include "worker/tasks/compress.h"

#define DECOMPRESS_MAX ((size_t)64 << 20) /* default of maxOutput */
#define DECOMPRESS_FIRST ((size_t)64 << 10) /* least room to begin with */
#define DECOMPRESS_RATIO 4 /* what input is expected to grow by */
#define DEFLATE_RATIO_MAX 1032 /* what deflate can make of one byte */

#define ZSTD_MAGIC_LEN 4
#define ZSTD_MAGIC 0xfd2fb528u
#define ZSTD_SKIPPABLE 0x184d2a50u
#define ZSTD_SKIPPABLE_MASK 0xfffffff0u

#define GZIP_MAGIC_0 0x1f
#define GZIP_MAGIC_1 0x8b
#define GZIP_SIZE_LEN 4 /* the size at a member's end */

enum decompress_field {
	DECOMPRESS_INPUT,
	DECOMPRESS_FORMAT,
	DECOMPRESS_MAX_OUTPUT,
};

static const struct field decompress_fields[] = {
    [DECOMPRESS_INPUT] = {.name = "input",
	.alias = "data",
	.kinds = FIELD_TEXT,
	.required = true,
	.streams = true,
	.about = "Compressed bytes: one or more frames or members."},
    [DECOMPRESS_FORMAT] = {.name = "format",
	.kinds = FIELD_STR,
	.allowed = compress_formats,
	.noun = "compression format",
	.fallback = "by the first bytes",
	.about = "The format that it must be."},
    [DECOMPRESS_MAX_OUTPUT] = {.name = "maxOutput",
	.kinds = FIELD_INT,
	.min = 1,
	.max = (int64_t)LIMIT_FILE_MAX,
	.fallback = "67108864, with resultFd the limit of files",
	.about = "Most bytes to give; the limit of results counts too."},
    {.name = NULL},
};

/* Kept from call to call. */
static ZSTD_DCtx *decompress_zstd_ctx;
static struct libdeflate_decompressor *decompress_gzip_ctx;

/* Input that is being read, and the place of the output. */
struct stream {
	struct call *call;
	const uint8_t *in;
	size_t len;
	size_t pos; /* bytes of input done */
	uint8_t *out;
	size_t room; /* bytes at out */
	size_t done; /* bytes of output */
	size_t limit; /* room never is more */
};

/* The four bytes at p as a number, little end first. */
static uint32_t
decompress_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Whether a zstd frame, a skippable one too, begins here. */
static bool
decompress_at_zstd(const struct stream *s)
{
	uint32_t magic;

	if (s->len - s->pos < ZSTD_MAGIC_LEN)
		return false;
	magic = decompress_u32(s->in + s->pos);
	return magic == ZSTD_MAGIC ||
	       (magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE;
}

/* Whether a gzip member begins here. */
static bool
decompress_at_gzip(const struct stream *s)
{
	return s->len - s->pos >= 2 && s->in[s->pos] == GZIP_MAGIC_0 &&
	       s->in[s->pos + 1] == GZIP_MAGIC_1;
}

/* Refuses output that does not fit. */
static int
decompress_too_large(struct stream *s)
{
	return call_too_large(s->call, "output", s->limit);
}

/* Makes room for more output: `want` bytes in all, or what the limit allows. */
static int
decompress_grow(struct stream *s, size_t want)
{
	if (want > s->limit)
		want = s->limit;
	if (s->out != NULL && want <= s->room)
		return 0;
	s->room = want;
	s->out = call_begin(s->call, &s->room);
	return s->out != NULL ? 0 : -1;
}

/* Doubles the room; TOO_LARGE when the limit is reached. */
static int
decompress_double(struct stream *s)
{
	if (s->room == s->limit)
		return decompress_too_large(s);
	return decompress_grow(s,
	    s->room > DECOMPRESS_FIRST ? 2 * s->room : 2 * DECOMPRESS_FIRST);
}

/* Says what is wrong with input where no frame or member begins. */
static int
decompress_garbage(struct stream *s, const char *format)
{
	if (s->pos == 0)
		return call_fail(s->call, CODE_WORKER_ERROR,
		    "input is not %s data", format);
	return call_fail(s->call, CODE_WORKER_ERROR,
	    "%zu bytes after the end of the %s data are none", s->len - s->pos,
	    format);
}

/* Gives the zstd context, ready for new input, or NULL: no memory. */
static ZSTD_DCtx *
decompress_zstd_begin(void)
{
	if (decompress_zstd_ctx == NULL)
		decompress_zstd_ctx = ZSTD_createDCtx();
	else
		ZSTD_DCtx_reset(decompress_zstd_ctx, ZSTD_reset_session_only);
	return decompress_zstd_ctx;
}

/* Frees the zstd context if a window has made it large. */
static void
decompress_zstd_end(void)
{
	if (ZSTD_sizeof_DCtx(decompress_zstd_ctx) <= COMPRESS_KEEP_MAX)
		return;
	ZSTD_freeDCtx(decompress_zstd_ctx);
	decompress_zstd_ctx = NULL;
}

/* Makes room for the frame that begins here, if it tells its size. */
static int
decompress_zstd_announce(struct stream *s)
{
	unsigned long long size;

	if (!decompress_at_zstd(s))
		return decompress_garbage(s, "zstd");
	size = ZSTD_getFrameContentSize(s->in + s->pos, s->len - s->pos);
	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
		return decompress_grow(s,
		    s->done + DECOMPRESS_FIRST +
			DECOMPRESS_RATIO * (s->len - s->pos));
	if (size > s->limit - s->done)
		return decompress_too_large(s);
	return decompress_grow(s, s->done + (size_t)size);
}

/* Says what zstd found wrong. */
static int
decompress_zstd_error(struct stream *s, size_t rc)
{
	if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
		return call_no_memory(s->call);
	return call_fail(s->call, CODE_WORKER_ERROR,
	    "the zstd data is damaged: %s", ZSTD_getErrorName(rc));
}

/* Reads one frame to its end. */
static int
decompress_zstd_frame(struct stream *s, ZSTD_DCtx *ctx)
{
	for (;;) {
		ZSTD_inBuffer in = {s->in, s->len, s->pos};
		ZSTD_outBuffer out = {s->out, s->room, s->done};
		size_t rc = ZSTD_decompressStream(ctx, &out, &in);

		s->pos = in.pos;
		s->done = out.pos;
		if (ZSTD_isError(rc))
			return decompress_zstd_error(s, rc);
		if (rc == 0)
			return 0;
		if (s->done == s->room) {
			if (decompress_double(s) < 0)
				return -1;
		} else if (s->pos == s->len) {
			return call_fail(s->call, CODE_WORKER_ERROR,
			    "the zstd data is cut short");
		}
	}
}

/* Reads all frames. */
static int
decompress_zstd(struct stream *s)
{
	ZSTD_DCtx *ctx = decompress_zstd_begin();
	int rc;

	if (ctx == NULL)
		return call_no_memory(s->call);
	do {
		rc = decompress_zstd_announce(s);
		if (rc == 0)
			rc = decompress_zstd_frame(s, ctx);
	} while (rc == 0 && s->pos < s->len);
	decompress_zstd_end();
	return rc;
}

/*
 * Makes room by the size that stands at the input's end: that of the last
 * member, modulo 2^32, so it is a hint that decides nothing.
 */
static int
decompress_gzip_announce(struct stream *s)
{
	size_t want = DECOMPRESS_FIRST + DECOMPRESS_RATIO * s->len;
	size_t hint;

	if (s->len >= GZIP_SIZE_LEN) {
		hint = decompress_u32(s->in + s->len - GZIP_SIZE_LEN);
		if (hint <= s->limit && hint / DEFLATE_RATIO_MAX <= s->len)
			want = hint;
	}
	return decompress_grow(s, want);
}

/* Reads one member; a room that is too small is doubled. */
static int
decompress_gzip_member(struct stream *s, struct libdeflate_decompressor *ctx)
{
	enum libdeflate_result result;
	size_t used, made;

	if (!decompress_at_gzip(s))
		return decompress_garbage(s, "gzip");
	for (;;) {
		result = libdeflate_gzip_decompress_ex(ctx, s->in + s->pos,
		    s->len - s->pos, s->out + s->done, s->room - s->done, &used,
		    &made);
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			break;
		if (decompress_double(s) < 0)
			return -1;
	}
	if (result != LIBDEFLATE_SUCCESS)
		return call_fail(s->call, CODE_WORKER_ERROR,
		    "the gzip data is damaged or cut short");
	s->pos += used;
	s->done += made;
	return 0;
}

/* Reads all members. */
static int
decompress_gzip(struct stream *s)
{
	int rc;

	if (decompress_gzip_ctx == NULL)
		decompress_gzip_ctx = libdeflate_alloc_decompressor();
	if (decompress_gzip_ctx == NULL)
		return call_no_memory(s->call);
	rc = decompress_gzip_announce(s);
	do {
		if (rc == 0)
			rc = decompress_gzip_member(s, decompress_gzip_ctx);
	} while (rc == 0 && s->pos < s->len);
	return rc;
}

/* Reads the input in its format. */
static int
decompress_any(struct stream *s, const msgpack_object *format)
{
	if (call_is(format, "gzip") ||
	    (format == NULL && decompress_at_gzip(s)))
		return decompress_gzip(s);
	if (format != NULL || decompress_at_zstd(s))
		return decompress_zstd(s);
	return call_fail(s->call, CODE_WORKER_ERROR,
	    "input is neither zstd nor gzip data");
}

/* Decompresses what is in memory into the answer. */
static int
decompress_memory(struct call *call, size_t max_output)
{
	struct stream s = {.call = call, .limit = call_room(call)};

	if (call_load(call, "input", call->args[DECOMPRESS_INPUT]) < 0)
		return -1;
	s.in = call_bytes(call->args[DECOMPRESS_INPUT], &s.len);
	if (s.limit > max_output)
		s.limit = max_output;
	if (decompress_any(&s, call->args[DECOMPRESS_FORMAT]) < 0)
		return -1;
	call_end(call, s.done);
	return 0;
}

/* Reads one piece of zstd input. *rc: what is missing; 0: a frame ended. */
static int
decompress_piece(struct sink *out, ZSTD_DCtx *ctx, ZSTD_inBuffer *in,
    size_t *rc)
{
	bool full;

	do {
		ZSTD_outBuffer to = {out->at, out->room, out->used};

		*rc = ZSTD_decompressStream(ctx, &to, in);
		out->used = to.pos;
		if (ZSTD_getErrorCode(*rc) == ZSTD_error_memory_allocation)
			return call_no_memory(out->call);
		if (ZSTD_isError(*rc))
			return call_fail(out->call, CODE_WORKER_ERROR,
			    "the zstd data is damaged: %s",
			    ZSTD_getErrorName(*rc));
		full = out->used == out->room && *rc != 0;
		if (full && sink_more(out) < 0)
			return -1;
	} while (in->pos < in->size || full);
	return 0;
}

/* Reads all frames, piece by piece. */
static int
decompress_pieces(struct blob *in, struct sink *out, ZSTD_DCtx *ctx)
{
	size_t rc = 0;

	do {
		ZSTD_inBuffer piece = {NULL, 0, 0};
		const uint8_t *bytes;

		if (blob_next(in, out->call, &bytes, &piece.size) < 0)
			return -1;
		piece.src = bytes;
		if (decompress_piece(out, ctx, &piece, &rc) < 0)
			return -1;
	} while (in->left > 0);
	if (rc == 0)
		return 0;
	return call_fail(out->call, CODE_WORKER_ERROR,
	    "the zstd data is cut short");
}

/* Decompresses zstd of which one end or both are files. */
static int
decompress_stream(struct call *call, struct blob *in, uint64_t max_output)
{
	ZSTD_DCtx *ctx = decompress_zstd_begin();
	struct sink out;
	int rc;

	if (ctx == NULL)
		return call_no_memory(call);
	rc = sink_init(&out, call, DECOMPRESS_RATIO * in->len, max_output);
	if (rc == 0)
		rc = decompress_pieces(in, &out, ctx);
	decompress_zstd_end();
	return rc < 0 ? -1 : sink_end(&out);
}

/* Whether it is zstd data that is wanted, or whatever it is no gzip data. */
static bool
decompress_is_zstd(const struct blob *in, const msgpack_object *format)
{
	uint8_t magic[2];
	struct stream s = {.in = magic};

	if (format != NULL)
		return !call_is(format, "gzip");
	s.len = blob_peek(in, magic, sizeof magic);
	return s.len == sizeof magic && !decompress_at_gzip(&s);
}

/* Only zstd is read piece by piece: libdeflate takes all at once. */
static int
decompress_run(struct call *call)
{
	const msgpack_object *input = call->args[DECOMPRESS_INPUT];
	const msgpack_object *max = call->args[DECOMPRESS_MAX_OUTPUT];
	bool to_file = files_take_result(call);
	uint64_t fallback = to_file ? LIMIT_FILE_MAX : DECOMPRESS_MAX;
	uint64_t limit = (uint64_t)call_int(max, (int64_t)fallback);
	struct blob in;

	if (blob_init(&in, call, "input", input) < 0)
		return -1;
	if ((to_file || blob_is_file(&in)) &&
	    decompress_is_zstd(&in, call->args[DECOMPRESS_FORMAT]))
		return decompress_stream(call, &in, limit);
	return decompress_memory(call,
	    limit < SIZE_MAX ? (size_t)limit : SIZE_MAX);
}

const struct task_type decompress_type = {
    .name = "data:decompress",
    .about = "Decompresses zstd and gzip.",
    .result = "Bytes.",
    .example = "{\"input\": {\"$bin\": \"H4sI...\"}, "
	       "\"maxOutput\": 1048576}",
    .flags = TYPE_IDEMPOTENT,
    .timeout_ms = 30000,
    .fields = decompress_fields,
    .run = decompress_run,
};
