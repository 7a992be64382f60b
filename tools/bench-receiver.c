#include "tools/bench-receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/number.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-form.h"
#include "tools/bench-spawn.h"

#define RECEIVER_ROOM ((size_t)256 << 10) /* least room of a read */
#define RECEIVER_NIL 0xc0

void
receiver_init(struct receiver *r, size_t bare)
{
	static const struct limits limits = {LIMIT_FRAME_MAX, LIMIT_DEPTH_MAX,
	    LIMIT_VALUES_DEFAULT, LIMIT_METHOD_DEFAULT};

	memset(r, 0, sizeof *r);
	r->bare = bare;
	scan_init(&r->scan, &limits);
	r->cap = 2 * RECEIVER_ROOM;
	r->buf = spawn_alloc(r->cap);
}

void
receiver_clear(struct receiver *r)
{
	free(r->buf);
	memset(r, 0, sizeof *r);
}

/* Bytes that the answer at the start will have, as far as is known. */
static size_t
receiver_wanted(const struct receiver *r)
{
	if (r->bare > 0)
		return r->bare;
	return r->end > r->start ? scan_wanted(&r->scan) : 0;
}

/* Makes room for the answer that has begun, and a good read. */
static void
receiver_reserve(struct receiver *r)
{
	size_t wanted = receiver_wanted(r);

	if (r->start == r->end)
		r->start = r->end = 0;
	if (r->cap - r->start >= wanted && r->cap - r->end >= RECEIVER_ROOM)
		return;
	if (r->cap - r->start >= wanted && r->cap > r->end &&
	    wanted > RECEIVER_ROOM)
		return; /* a large one: its end fits, do not move it about */
	if (r->cap < wanted + 2 * RECEIVER_ROOM) {
		r->cap = wanted + 2 * RECEIVER_ROOM;
		r->buf = realloc(r->buf, r->cap);
		if (r->buf == NULL)
			cleanup_die("out of memory");
	}
	memmove(r->buf, r->buf + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
}

int
receiver_read(struct receiver *r, int fd, int flags)
{
	ssize_t n;

	receiver_reserve(r);
	n = recv(fd, r->buf + r->end, r->cap - r->end, flags);
	if (n > 0) {
		r->end += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0)
		errno = 0;
	return -1;
}

/* Takes a frame of the relay. */
static int
receiver_next_bare(struct receiver *r, struct answer *a)
{
	const uint8_t *at = r->buf + r->start;

	if (r->end - r->start < r->bare)
		return 0;
	a->id = number_get(at, FORM_ID_BYTES);
	a->error = NULL;
	a->result = at;
	a->result_len = r->bare;
	r->start += r->bare;
	return 1;
}

int
receiver_next(struct receiver *r, struct answer *a)
{
	const uint8_t *at = r->buf + r->start;
	struct frame frame;
	enum scan_status status;

	if (r->bare > 0)
		return receiver_next_bare(r, a);
	if (r->start == r->end)
		return 0;
	status = scan_next(&r->scan, at, r->end - r->start, &frame);
	if (status == SCAN_MORE)
		return 0;
	if (status == SCAN_BAD || frame.kind != FRAME_RESPONSE)
		return -1;
	a->id = frame.msgid;
	a->error_len = frame.error.len;
	a->error =
	    at[frame.error.at] == RECEIVER_NIL ? NULL : at + frame.error.at;
	a->result = at + frame.result.at;
	a->result_len = frame.result.len;
	r->start += frame.size;
	return 1;
}
