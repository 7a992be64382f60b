/*
 * data:decompress from gzip and deflate. libdeflate takes all at once: a file
 * is read to memory, and what has no room there goes by zlib.
 */

#include <libdeflate.h>

#include "worker/call.h"
#include "worker/files.h"
#include "worker/tasks/decompress-work.h"

#define DEFLATE_RATIO_MAX 1032 /* what deflate can make of one byte */

#define DEFLATE_RATIO 16 /* more than most: too little room begins anew */
#define DEFLATE_NO_ROOM 1 /* beside 0 and -1: the output needs a file */
#define DEFLATE_WINDOW 15 /* bits, as zlib counts them: 32 KiB */
#define DEFLATE_GZIP 16 /* added to the window: gzip's head and end */

#define GZIP_MAGIC_0 0x1f
#define GZIP_MAGIC_1 0x8b
#define GZIP_SIZE_LEN 4 /* the size at a member's end */

/* RFC 1950, 2.2: method 8, window at most 7, and 31 divides both bytes. */
#define ZLIB_METHOD_MASK 0x0f
#define ZLIB_METHOD 8
#define ZLIB_FIRST_MAX 0x78 /* that method, with the largest window */
#define ZLIB_CHECK 31
#define ZLIB_DICTIONARY 0x20 /* flag: a preset dictionary is wanted */

typedef enum libdeflate_result (
    *decompress_deflate_cb)(struct libdeflate_decompressor *ctx, const void *in,
    size_t len, void *out, size_t room, size_t *used, size_t *made);

/* One of the formats, for libdeflate and for zlib. */
struct decompress_kind {
	const char *name;
	decompress_deflate_cb run;
	int window;
	bool several; /* members may stand one after the other */
};

/* Input in memory that is being read, and the place of the output. */
struct decompress_deflate {
	struct decompress_work *work;
	const struct decompress_kind *kind;
	const uint8_t *in;
	size_t len;
	size_t pos; /* bytes of input done */
	uint8_t *out;
	size_t room; /* bytes at out */
	size_t done; /* bytes of output */
	size_t limit; /* room never is more */
	bool spills; /* a file takes more output than the limit */
};

/* Kept from call to call. */
static struct libdeflate_decompressor *decompress_deflate_ctx;

bool
decompress_deflate_gzip_matches(const uint8_t *head, size_t len)
{
	return len >= 2 && head[0] == GZIP_MAGIC_0 && head[1] == GZIP_MAGIC_1;
}

bool
decompress_deflate_zlib_matches(const uint8_t *head, size_t len)
{
	return len >= 2 && (head[0] & ZLIB_METHOD_MASK) == ZLIB_METHOD &&
	       head[0] <= ZLIB_FIRST_MAX &&
	       (head[0] << 8 | head[1]) % ZLIB_CHECK == 0;
}

/* Has the input in memory and a decompressor. Returns 0 or -1. */
static int
decompress_deflate_begin(struct decompress_deflate *d,
    struct decompress_work *w)
{
	d->work = w;
	d->limit = call_room(w->call);
	d->spills = files_take_result(w->call) && d->limit < w->limit;
	if (d->limit > w->limit)
		d->limit = (size_t)w->limit;
	if (decompress_deflate_ctx == NULL)
		decompress_deflate_ctx = libdeflate_alloc_decompressor();
	if (decompress_deflate_ctx == NULL)
		return call_no_memory(w->call);
	if (call_load(w->call, w->in.field, w->input) < 0)
		return -1;
	d->in = call_bytes(w->input, &d->len);
	return 0;
}

/* Makes room for more output: `want` bytes in all, or what the limit allows. */
static int
decompress_deflate_grow(struct decompress_deflate *d, size_t want)
{
	d->room = want < d->limit ? want : d->limit;
	d->out = call_begin(d->work->call, &d->room);
	return d->out != NULL ? 0 : -1;
}

/* Doubles the room, or says that the limit is reached. */
static int
decompress_deflate_double(struct decompress_deflate *d)
{
	if (d->room == d->limit)
		return d->spills ? DEFLATE_NO_ROOM
				 : decompress_too_large(d->work, d->limit);
	return decompress_deflate_grow(d,
	    d->room > DECOMPRESS_FIRST ? 2 * d->room : 2 * DECOMPRESS_FIRST);
}

/* The output that is expected where nothing tells. */
static size_t
decompress_deflate_guess(const struct decompress_deflate *d)
{
	size_t guess = DECOMPRESS_FIRST + DEFLATE_RATIO * d->len;
	size_t room = files_place_room(d->work->call);

	/* who has a place for the result ready should know its length */
	return room > d->len && room < guess ? room : guess;
}

/*
 * The output that is expected. At the end of gzip stands a size: that of the
 * last member, modulo 2^32, so it is a hint that decides nothing.
 */
static size_t
decompress_deflate_hint(const struct decompress_deflate *d)
{
	const uint8_t *end = d->in + d->len;
	size_t hint;

	if (!d->kind->several || d->len < GZIP_SIZE_LEN)
		return decompress_deflate_guess(d);
	hint = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 |
	       (size_t)end[-1] << 24;
	return hint / DEFLATE_RATIO_MAX > d->len ? decompress_deflate_guess(d)
						 : hint;
}

/* Reads one member or stream; a room that is too small is doubled. */
static int
decompress_deflate_one(struct decompress_deflate *d)
{
	enum libdeflate_result result;
	size_t used, made;
	int rc;

	for (;;) {
		result = d->kind->run(decompress_deflate_ctx, d->in + d->pos,
		    d->len - d->pos, d->out + d->done, d->room - d->done, &used,
		    &made);
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			break;
		rc = decompress_deflate_double(d);
		if (rc != 0)
			return rc;
	}
	if (result != LIBDEFLATE_SUCCESS)
		return call_fail(d->work->call, CODE_WORKER_ERROR,
		    "the %s data is damaged or cut short", d->kind->name);
	d->pos += used;
	d->done += made;
	return 0;
}

/* Whether what the format has begins, or may follow, at the place reached. */
static bool
decompress_deflate_goes_on(const struct decompress_deflate *d)
{
	if (!d->kind->several)
		return d->pos == 0;
	return decompress_deflate_gzip_matches(d->in + d->pos, d->len - d->pos);
}

/* Reads all in memory. Returns 0, -1, or DEFLATE_NO_ROOM. */
static int
decompress_deflate_whole(struct decompress_work *w,
    const struct decompress_kind *kind)
{
	struct decompress_deflate d = {.kind = kind};
	size_t expected;
	int rc;

	if (decompress_deflate_begin(&d, w) < 0)
		return -1;
	expected = decompress_deflate_hint(&d);
	if (d.spills && expected > d.limit)
		return DEFLATE_NO_ROOM;
	if (decompress_deflate_grow(&d, expected) < 0)
		return -1;
	do {
		if (!decompress_deflate_goes_on(&d))
			return decompress_garbage(w, kind->name, d.pos);
		rc = decompress_deflate_one(&d);
		if (rc != 0)
			return rc;
	} while (d.pos < d.len);
	call_end(w->call, d.done);
	return 0;
}

/* Reads all in memory, or what has no room there piece by piece. */
static int
decompress_deflate(struct decompress_work *w,
    const struct decompress_kind *kind)
{
	int rc = DEFLATE_NO_ROOM;

	if (w->in.len <= w->call->result_max)
		rc = decompress_deflate_whole(w, kind);
	if (rc != DEFLATE_NO_ROOM)
		return rc;
	return decompress_zlib(w, kind->name, kind->window, kind->several);
}

/* Reads all members. */
int
decompress_deflate_gzip(struct decompress_work *w)
{
	static const struct decompress_kind gzip = {"gzip",
	    libdeflate_gzip_decompress_ex, DEFLATE_WINDOW + DEFLATE_GZIP, true};

	return decompress_deflate(w, &gzip);
}

/*
 * Reads what HTTP calls deflate, as browsers do: a zlib stream, or what some
 * servers send instead, deflate's data alone. The two are not mixed up: deflate
 * data that begins with the bits of zlib's method has padding that is not zero.
 */
int
decompress_deflate_zlib(struct decompress_work *w)
{
	static const struct decompress_kind zlib = {"deflate",
	    libdeflate_zlib_decompress_ex, DEFLATE_WINDOW, false};
	static const struct decompress_kind raw = {"deflate",
	    libdeflate_deflate_decompress_ex, -DEFLATE_WINDOW, false};
	uint8_t head[2];
	size_t len = blob_peek(&w->in, head, sizeof head);

	if (!decompress_deflate_zlib_matches(head, len))
		return decompress_deflate(w, &raw);
	if ((head[1] & ZLIB_DICTIONARY) != 0)
		return call_fail(w->call, CODE_UNSUPPORTED,
		    "the deflate data wants a preset dictionary");
	return decompress_deflate(w, &zlib);
}
