/*
 * data:decompress from gzip and deflate. libdeflate takes all at once: a file
 * is read to memory.
 */

#include <libdeflate.h>

#include "worker/call.h"
#include "worker/tasks/decompress-work.h"

#define DEFLATE_RATIO_MAX 1032 /* what deflate can make of one byte */

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

/* Input in memory that is being read, and the place of the output. */
struct decompress_deflate {
	struct decompress_work *work;
	const char *format;
	const uint8_t *in;
	size_t len;
	size_t pos; /* bytes of input done */
	uint8_t *out;
	size_t room; /* bytes at out */
	size_t done; /* bytes of output */
	size_t limit; /* room never is more */
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
    struct decompress_work *w, const char *format)
{
	d->work = w;
	d->format = format;
	d->limit = call_room(w->call);
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

/* Doubles the room; TOO_LARGE when the limit is reached. */
static int
decompress_deflate_double(struct decompress_deflate *d)
{
	if (d->room == d->limit)
		return decompress_too_large(d->work, d->limit);
	return decompress_deflate_grow(d,
	    d->room > DECOMPRESS_FIRST ? 2 * d->room : 2 * DECOMPRESS_FIRST);
}

/* The first room where nothing is known of the output. */
static size_t
decompress_deflate_guess(const struct decompress_deflate *d)
{
	return DECOMPRESS_FIRST + DECOMPRESS_RATIO * d->len;
}

/*
 * The first room of gzip, by the size that stands at the input's end: that of
 * the last member, modulo 2^32, so it is a hint that decides nothing.
 */
static size_t
decompress_deflate_hint(const struct decompress_deflate *d)
{
	const uint8_t *end = d->in + d->len;
	size_t hint;

	if (d->len < GZIP_SIZE_LEN)
		return decompress_deflate_guess(d);
	hint = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 |
	       (size_t)end[-1] << 24;
	if (hint > d->limit || hint / DEFLATE_RATIO_MAX > d->len)
		return decompress_deflate_guess(d);
	return hint;
}

/* Reads one member or stream; a room that is too small is doubled. */
static int
decompress_deflate_one(struct decompress_deflate *d, decompress_deflate_cb run)
{
	enum libdeflate_result result;
	size_t used, made;

	for (;;) {
		result =
		    run(decompress_deflate_ctx, d->in + d->pos, d->len - d->pos,
			d->out + d->done, d->room - d->done, &used, &made);
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			break;
		if (decompress_deflate_double(d) < 0)
			return -1;
	}
	if (result != LIBDEFLATE_SUCCESS)
		return call_fail(d->work->call, CODE_WORKER_ERROR,
		    "the %s data is damaged or cut short", d->format);
	d->pos += used;
	d->done += made;
	return 0;
}

/* Reads all members. */
int
decompress_deflate_gzip(struct decompress_work *w)
{
	struct decompress_deflate d = {.pos = 0};

	if (decompress_deflate_begin(&d, w, "gzip") < 0 ||
	    decompress_deflate_grow(&d, decompress_deflate_hint(&d)) < 0)
		return -1;
	do {
		if (!decompress_deflate_gzip_matches(d.in + d.pos,
			d.len - d.pos))
			return decompress_garbage(w, "gzip", d.pos);
		if (decompress_deflate_one(&d, libdeflate_gzip_decompress_ex) <
		    0)
			return -1;
	} while (d.pos < d.len);
	call_end(w->call, d.done);
	return 0;
}

/*
 * Reads what HTTP calls deflate, as browsers do: a zlib stream, or what some
 * servers send instead, deflate's data alone. The two are not mixed up: deflate
 * data that begins with the bits of zlib's method has padding that is not zero.
 */
int
decompress_deflate_zlib(struct decompress_work *w)
{
	struct decompress_deflate d = {.pos = 0};
	bool is_zlib;

	if (decompress_deflate_begin(&d, w, "deflate") < 0)
		return -1;
	is_zlib = decompress_deflate_zlib_matches(d.in, d.len);
	if (is_zlib && (d.in[1] & ZLIB_DICTIONARY) != 0)
		return call_fail(w->call, CODE_UNSUPPORTED,
		    "the deflate data wants a preset dictionary");
	if (decompress_deflate_grow(&d, decompress_deflate_guess(&d)) < 0 ||
	    decompress_deflate_one(&d,
		is_zlib ? libdeflate_zlib_decompress_ex
			: libdeflate_deflate_decompress_ex) < 0)
		return -1;
	if (d.pos < d.len)
		return decompress_garbage(w, "deflate", d.pos);
	call_end(w->call, d.done);
	return 0;
}
