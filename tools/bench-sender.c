#include "tools/bench-sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/fdpass.h"
#include "proto/number.h"
#include "tools/bench-spawn.h"

#define SENDER_PIECES 64 /* of one system call */
#define SENDER_MAX ((size_t)8192) /* more would only wait in cold memory */
#define SENDER_FDS 2 /* with one request */
#define SENDER_ROUND 2 /* heads, tails: pieces of one request */

void
sender_init(struct sender *s, const struct form *form, size_t n)
{
	memset(s, 0, sizeof *s);
	s->form = form;
	s->n_max = 1;
	while (s->n_max < n && s->n_max < SENDER_MAX)
		s->n_max *= 2;
	s->heads = spawn_alloc(s->n_max * form->head_len);
}

void
sender_clear(struct sender *s)
{
	free(s->heads);
	memset(s, 0, sizeof *s);
}

/* The head of a request by its count. */
static uint8_t *
sender_head(const struct sender *s, size_t at)
{
	return s->heads + (at & (s->n_max - 1)) * s->form->head_len;
}

void
sender_add(struct sender *s, uint32_t id)
{
	uint8_t *head = sender_head(s, s->next++);

	memcpy(head, s->form->head, s->form->head_len);
	form_number(s->form, head, id);
}

bool
sender_has_room(const struct sender *s)
{
	return s->next - s->first < s->n_max;
}

bool
sender_pending(const struct sender *s)
{
	return s->first < s->next;
}

/* Pieces of requests without a tail: the ring's run, or its two. */
static size_t
sender_gather_flat(const struct sender *s, struct iovec *iov)
{
	size_t at = s->first & (s->n_max - 1), n = s->next - s->first;
	size_t run = n < s->n_max - at ? n : s->n_max - at;
	size_t len = s->form->head_len;

	iov[0].iov_base = s->heads + at * len + s->offset;
	iov[0].iov_len = run * len - s->offset;
	iov[1].iov_base = s->heads;
	iov[1].iov_len = (n - run) * len;
	return n > run ? 2 : 1;
}

/* Pieces of requests with a tail. */
static size_t
sender_gather(const struct sender *s, struct iovec *iov)
{
	size_t n = 0, skip = s->offset;

	for (size_t at = s->first; at < s->next; at++) {
		struct iovec pieces[SENDER_ROUND] = {
		    {sender_head(s, at), s->form->head_len},
		    {s->form->tail, s->form->tail_len},
		};

		if (n + SENDER_ROUND > SENDER_PIECES)
			break;
		for (int i = 0; i < SENDER_ROUND; i++) {
			size_t cut =
			    skip < pieces[i].iov_len ? skip : pieces[i].iov_len;

			skip -= cut;
			if (cut == pieces[i].iov_len)
				continue;
			iov[n].iov_base = (uint8_t *)pieces[i].iov_base + cut;
			iov[n++].iov_len = pieces[i].iov_len - cut;
		}
	}
	return n;
}

/* Sends many requests at once; *wanted is what it tried. */
static ssize_t
sender_send(const struct sender *s, int fd, size_t *wanted)
{
	struct iovec iov[SENDER_PIECES];
	struct msghdr msg = {.msg_iov = iov};

	msg.msg_iovlen = s->form->tail_len == 0 ? sender_gather_flat(s, iov)
						: sender_gather(s, iov);
	*wanted = 0;
	for (size_t i = 0; i < msg.msg_iovlen; i++)
		*wanted += iov[i].iov_len;
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * Sends the first request, or the rest of it, alone: its descriptors have to
 * arrive with its first byte, and not before the one before it has ended.
 */
static ssize_t
sender_send_fd(const struct sender *s, int fd, size_t *wanted)
{
	const struct form *f = s->form;
	const uint8_t *head = sender_head(s, s->first);
	size_t place =
	    number_get(head + f->id_at, FORM_ID_BYTES) & FORM_PLACE_MASK;
	int fds[SENDER_FDS];
	size_t n = 0;

	fds[n++] = f->fds[place];
	if (f->result_fds != NULL)
		fds[n++] = f->result_fds[place];
	*wanted = f->head_len - s->offset;
	return fdpass_send(fd, head + s->offset, *wanted, fds,
	    s->offset == 0 ? n : 0, MSG_DONTWAIT);
}

int
sender_flush(struct sender *s, int fd)
{
	size_t size = form_size(s->form);
	size_t wanted;
	ssize_t n;

	while (sender_pending(s)) {
		n = s->form->fds != NULL ? sender_send_fd(s, fd, &wanted)
					 : sender_send(s, fd, &wanted);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		s->offset += (size_t)n;
		s->first += s->offset / size;
		s->offset %= size;
		if ((size_t)n < wanted)
			return 0; /* the socket is full */
	}
	return 0;
}
