/*
 * data:decompress from gzip and deflate, piece by piece: what libdeflate, which
 * takes all at once and is twice as fast, has no memory for.
 */

#define ZLIB_CONST
#include <zlib.h>

#include "worker/call.h"
#include "worker/tasks/decompress-work.h"

#define ZLIB_HEAD_MIN 2 /* bytes by which the library knows a member */

/* How far the members or the stream are read. */
struct decompress_members {
	z_stream z;
	const char *format;
	bool several; /* one may follow the other */
	bool inside; /* one has begun, or is missing */
	uint64_t done; /* bytes of input */
	uint64_t end; /* of the last that is read, in the input */
};

/* Says what zlib found wrong. */
static int
decompress_zlib_error(struct decompress_work *w, struct decompress_members *m,
    int rc)
{
	if (rc == Z_MEM_ERROR)
		return call_no_memory(w->call);
	/* no output of this member, and no byte of input more than its head */
	if (m->z.total_out == 0 && m->z.total_in <= ZLIB_HEAD_MIN)
		return decompress_garbage(w, m->format, m->end);
	return call_fail(w->call, CODE_WORKER_ERROR,
	    "the %s data is damaged: %s", m->format,
	    m->z.msg != NULL ? m->z.msg : zError(rc));
}

/* Notes that a member has ended, and is ready for another. */
static int
decompress_zlib_ended(struct decompress_work *w, struct decompress_members *m)
{
	m->inside = false;
	m->end = m->done;
	if (!m->several && m->done < w->in.len)
		return decompress_garbage(w, m->format, m->done);
	inflateReset(&m->z);
	return 0;
}

/* Decompresses what there is room for. Returns zlib's answer. */
static int
decompress_zlib_step(struct sink *out, struct decompress_members *m)
{
	uInt before = m->z.avail_in;
	int rc;

	m->z.next_out = out->at + out->used;
	m->z.avail_out = (uInt)(out->room - out->used);
	rc = inflate(&m->z, Z_NO_FLUSH);
	out->used = out->room - m->z.avail_out;
	m->done += before - m->z.avail_in;
	/* no error: it wants input or room, which it is given next */
	return rc == Z_BUF_ERROR ? Z_OK : rc;
}

/* Reads one piece of input, in which members may end and begin. */
static int
decompress_zlib_piece(struct decompress_work *w, struct decompress_members *m)
{
	while (m->z.avail_in > 0) {
		int rc;

		m->inside = true;
		rc = decompress_zlib_step(&w->out, m);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return decompress_zlib_error(w, m, rc);
		if (rc == Z_STREAM_END && decompress_zlib_ended(w, m) < 0)
			return -1;
		if (rc == Z_OK && m->z.avail_in > 0 && decompress_more(w) < 0)
			return -1;
	}
	return 0;
}

/* Gives out what the library still holds once all input is read. */
static int
decompress_zlib_rest(struct decompress_work *w, struct decompress_members *m)
{
	int rc = Z_OK;

	while (m->inside && w->out.used == w->out.room) {
		if (decompress_more(w) < 0)
			return -1;
		rc = decompress_zlib_step(&w->out, m);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return decompress_zlib_error(w, m, rc);
		if (rc == Z_STREAM_END)
			return decompress_zlib_ended(w, m);
	}
	return 0;
}

/* Reads all members, or the stream. */
static int
decompress_zlib_all(struct decompress_work *w, struct decompress_members *m)
{
	const uint8_t *bytes;
	size_t len;

	m->inside = true;
	do {
		if (blob_next(&w->in, w->call, &bytes, &len) < 0)
			return -1;
		m->z.next_in = bytes;
		m->z.avail_in = (uInt)len;
		if (decompress_zlib_piece(w, m) < 0)
			return -1;
	} while (w->in.left > 0);
	if (decompress_zlib_rest(w, m) < 0)
		return -1;
	if (!m->inside)
		return 0;
	if (w->in.len - m->end < ZLIB_HEAD_MIN)
		return decompress_garbage(w, m->format, m->end);
	return decompress_cut(w, m->format);
}

int
decompress_zlib(struct decompress_work *w, const char *format, int window,
    bool several)
{
	struct decompress_members m = {.format = format, .several = several};
	int rc;

	if (inflateInit2(&m.z, window) != Z_OK)
		return call_no_memory(w->call);
	rc = decompress_begin(w, 0);
	if (rc == 0)
		rc = decompress_zlib_all(w, &m);
	inflateEnd(&m.z);
	return rc < 0 ? -1 : decompress_end(w);
}
