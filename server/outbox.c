#include "server/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define OUTBOX_PIECES_MIN 8 /* a power of two, as all sizes of the ring */
#define OUTBOX_PIECES_KEPT 64 /* a longer ring is given back when empty */
#define OUTBOX_IOV 64 /* pieces for one system call */
#define OUTBOX_CALL ((size_t)256 << 10) /* bytes for one */
#define OUTBOX_TURN ((size_t)512 << 10) /* bytes for one turn of the loop */
#define OUTBOX_SETTLE ((size_t)16 << 10)

void
outbox_init(struct outbox *q)
{
	memset(q, 0, sizeof *q);
}

static struct piece *
outbox_at(struct outbox *q, uint32_t i)
{
	return &q->pieces[(q->head + i) & (q->cap - 1)];
}

/* Gives up the chunk that was filled, which pieces may still refer to. */
static void
outbox_leave_flat(struct outbox *q)
{
	if (q->flat != NULL && q->secret)
		chunk_set_secret(q->flat, q->flat->bytes + q->flat_len);
	chunk_unref(q->flat);
	q->flat = NULL;
	q->flat_len = 0;
}

void
outbox_clear(struct outbox *q)
{
	for (uint32_t i = 0; i < q->n; i++) {
		chunk_unref(outbox_at(q, i)->chunk);
		fdset_unref(outbox_at(q, i)->fdset);
	}
	fdset_unref(q->next_fdset);
	free(q->pieces);
	outbox_leave_flat(q);
	outbox_init(q);
}

/* Makes room for one more piece. */
static int
outbox_grow(struct outbox *q)
{
	uint32_t cap = q->cap == 0 ? OUTBOX_PIECES_MIN : q->cap * 2;
	struct piece *pieces;

	if (q->n < q->cap)
		return 0;
	pieces = malloc(cap * sizeof *pieces);
	if (pieces == NULL)
		return -1;
	for (uint32_t i = 0; i < q->n; i++)
		pieces[i] = *outbox_at(q, i);
	free(q->pieces);
	q->pieces = pieces;
	q->cap = cap;
	q->head = 0;
	return 0;
}

void
outbox_fail(struct outbox *q)
{
	q->failed = true;
	q->tail = NULL;
}

/* Appends a piece and takes a reference on its chunk. */
static int
outbox_push(struct outbox *q, const uint8_t *at, size_t len,
    struct chunk *chunk)
{
	struct piece *last;

	if (q->failed)
		return -1;
	q->tail = NULL;
	if (outbox_grow(q) == -1) {
		outbox_fail(q);
		return -1;
	}
	last = outbox_at(q, q->n++);
	last->at = at;
	last->len = len;
	last->chunk = chunk_ref(chunk);
	last->fdset = q->next_fdset;
	q->next_fdset = NULL;
	q->bytes += len;
	return 0;
}

void
outbox_attach(struct outbox *q, struct fdset *fdset)
{
	q->tail = NULL;
	fdset_unref(q->next_fdset);
	q->next_fdset = fdset_ref(fdset);
}

uint8_t *
outbox_room_new(struct outbox *q, size_t len)
{
	uint8_t *at;

	if (q->failed)
		return NULL;
	if (q->flat == NULL || q->flat->cap - q->flat_len < len) {
		outbox_leave_flat(q);
		q->flat = len > CHUNK_READ ? chunk_new(len) : chunk_take();
		if (q->flat == NULL) {
			outbox_fail(q);
			return NULL;
		}
	}
	at = q->flat->bytes + q->flat_len;
	if (outbox_push(q, at, len, q->flat) == -1)
		return NULL;
	q->flat_len += len;
	q->tail = outbox_at(q, q->n - 1);
	return at;
}

int
outbox_copy(struct outbox *q, const void *bytes, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return 0;
	at = outbox_room(q, len);
	if (at == NULL)
		return -1;
	memcpy(at, bytes, len);
	return 0;
}

int
outbox_add(struct outbox *q, const uint8_t *at, size_t len, struct chunk *chunk)
{
	if (len < OUTBOX_REFERENCE || chunk == NULL)
		return outbox_copy(q, at, len);
	return outbox_push(q, at, len, chunk);
}

/* Drops len bytes from the front: they are sent. */
static void
outbox_drop(struct outbox *q, size_t len)
{
	q->bytes -= len;
	while (len > 0) {
		struct piece *p = outbox_at(q, 0);

		fdset_unref(p->fdset); /* sent with the first byte */
		p->fdset = NULL;
		if (len < p->len) {
			p->at += len;
			p->len -= len;
			return;
		}
		len -= p->len;
		if (p == q->tail)
			q->tail = NULL;
		chunk_unref(p->chunk);
		q->head = (q->head + 1) & (q->cap - 1);
		q->n--;
	}
}

/* Gives back what an idle connection should not hold. */
static void
outbox_rest(struct outbox *q)
{
	outbox_leave_flat(q);
	q->secret = false;
	if (q->cap > OUTBOX_PIECES_KEPT) {
		free(q->pieces);
		q->pieces = NULL;
		q->cap = 0;
	}
	q->head = 0;
}

/*
 * The peer does not read: what is left in the flat chunk moves to one that is
 * as small as it can be.
 */
static void
outbox_settle(struct outbox *q)
{
	struct piece *p = q->n == 1 ? outbox_at(q, 0) : NULL;
	struct chunk *chunk;

	if (p == NULL || p->chunk != q->flat || p->len > OUTBOX_SETTLE)
		return;
	chunk = chunk_new(p->len);
	if (chunk == NULL)
		return;
	memcpy(chunk->bytes, p->at, p->len);
	if (q->secret)
		chunk_set_secret(chunk, chunk->bytes + p->len);
	chunk_unref(p->chunk);
	p->chunk = chunk;
	p->at = chunk->bytes;
	outbox_leave_flat(q);
	q->tail = NULL;
}

/*
 * One system call for at most `most` bytes: the kernel would take a large
 * message whole as long as the peer reads, and everybody else waits. Returns
 * the bytes sent, or -1.
 */
static ssize_t
outbox_call(struct outbox *q, int fd, size_t most)
{
	struct iovec iov[OUTBOX_IOV];
	struct msghdr msg = {.msg_iov = iov};
	uint32_t n;

	for (n = 0; n < q->n && n < OUTBOX_IOV && most > 0; n++) {
		struct piece *p = outbox_at(q, n);

		/* Descriptors go with the first byte of a call. */
		if (n > 0 && p->fdset != NULL)
			break;
		iov[n].iov_base = (void *)(uintptr_t)p->at;
		iov[n].iov_len = p->len < most ? p->len : most;
		most -= iov[n].iov_len;
	}
	if (outbox_at(q, 0)->fdset != NULL)
		return fdpass_send(fd, iov[0].iov_base, iov[0].iov_len,
		    outbox_at(q, 0)->fdset->fds, outbox_at(q, 0)->fdset->n,
		    MSG_DONTWAIT);
	if (n == 1)
		return send(fd, iov[0].iov_base, iov[0].iov_len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	msg.msg_iovlen = n;
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum outbox_status
outbox_send(struct outbox *q, int fd)
{
	size_t left = OUTBOX_TURN;

	while (q->n > 0) {
		ssize_t sent;

		if (left == 0)
			return OUTBOX_MORE;
		sent =
		    outbox_call(q, fd, left < OUTBOX_CALL ? left : OUTBOX_CALL);
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1 && errno == EAGAIN) {
			outbox_settle(q);
			return OUTBOX_FULL;
		}
		if (sent == -1)
			return OUTBOX_BROKEN;
		outbox_drop(q, (size_t)sent);
		q->taken += (uint64_t)sent;
		left -= (size_t)sent;
	}
	outbox_rest(q);
	return OUTBOX_EMPTY;
}
