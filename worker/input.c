#include "worker/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/log.h"
#include "worker/quota.h"

#define INPUT_MIN ((size_t)256 << 10)
#define INPUT_READ_MIN ((size_t)64 << 10) /* room for one read, at least */

void
input_init(struct input *in, int sock, const struct limits *limits)
{
	memset(in, 0, sizeof *in);
	in->sock = sock;
	scan_init(&in->scan, limits);
}

void
input_clear(struct input *in)
{
	free(in->bytes);
	in->bytes = NULL;
	in->cap = 0;
}

/* Moves what is unread to a buffer of cap bytes, or to the front of this. */
static void
input_move(struct input *in, size_t cap)
{
	size_t unread = in->end - in->start;
	uint8_t *bytes = in->bytes;

	/* No realloc: it would leave a copy behind that nobody wipes. */
	if (cap > in->cap) {
		bytes = malloc(cap);
		if (bytes == NULL)
			quota_blame_memory();
		if (bytes == NULL)
			fatal("no memory for a message of %zu bytes", cap);
	}
	if (unread > 0)
		memmove(bytes, input_at(in), unread);
	if (bytes == in->bytes) {
		/* it may be a secret's beginning that stood there */
		explicit_bzero(bytes + unread, in->end - unread);
	} else {
		if (in->bytes != NULL)
			explicit_bzero(in->bytes, in->end);
		free(in->bytes);
		in->bytes = bytes;
		in->cap = cap;
	}
	in->start = 0;
	in->end = unread;
}

/* Makes room for one more read of the message that is unfinished. */
static void
input_room(struct input *in)
{
	size_t unread = in->end - in->start;
	size_t wanted = scan_wanted(&in->scan);
	size_t cap = INPUT_MIN;

	if (wanted < unread + INPUT_READ_MIN)
		wanted = unread + INPUT_READ_MIN;
	if (in->cap - in->start >= wanted)
		return;
	/* Twice as much, so that moving costs no more than reading. */
	if (wanted > in->cap && in->cap >= INPUT_MIN)
		cap = wanted > 2 * unread ? wanted : 2 * unread;
	if (cap < wanted)
		cap = wanted;
	input_move(in, cap);
}

bool
input_next(struct input *in, struct frame *frame)
{
	enum scan_status status;

	if (in->start == in->end)
		return false;
	status = scan_next(&in->scan, input_at(in), in->end - in->start, frame);
	if (status == SCAN_BAD)
		fatal("the dispatcher sent no message: %s",
		    scan_fault_text(scan_fault(&in->scan)));
	return status == SCAN_FRAME;
}

bool
input_read(struct input *in)
{
	int fds[FDPASS_MAX];
	size_t n;
	ssize_t got;

	input_room(in);
	got = fdpass_receive(in->sock, in->bytes + in->end, in->cap - in->end,
	    fds, &n, 0);
	if (got == -1 && errno == EPROTO)
		fatal("no descriptors are left for those that came");
	if (n > FDPASS_AHEAD - in->n_fds)
		fatal("the dispatcher sent too many descriptors");
	memcpy(in->fds + in->n_fds, fds, n * sizeof fds[0]);
	in->n_fds += (uint32_t)n;
	if (got <= 0)
		return false;
	in->end += (size_t)got;
	return true;
}

void
input_take_fds(struct input *in, int *fds, uint32_t n)
{
	if (n > in->n_fds)
		fatal("the dispatcher sent too few descriptors");
	memcpy(fds, in->fds, n * sizeof fds[0]);
	in->n_fds -= n;
	memmove(in->fds, in->fds + n, in->n_fds * sizeof fds[0]);
}

void
input_consume(struct input *in, size_t size, bool secret)
{
	if (secret)
		explicit_bzero(in->bytes + in->start, size);
	in->start += size;
	if (in->start == in->end)
		in->start = in->end = 0;
}

void
input_rest(struct input *in)
{
	if (in->end > 0 || in->cap <= INPUT_MIN)
		return;
	input_clear(in);
}
