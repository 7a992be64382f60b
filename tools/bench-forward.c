#include "tools/bench-forward.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tools/bench-relay.h"
#include "tools/bench-spawn.h"

#define FORWARD_READ ((size_t)256 << 10) /* bytes of one read */
#define FORWARD_PIECES 64 /* of one system call */
#define FORWARD_EVENTS 16
#define FORWARD_INSIDE ((size_t)2 << 20) /* more would only get cold here */

/* Bytes that were read, kept until all pieces of them are sent. */
struct chunk {
	struct chunk *next; /* among the free ones */
	unsigned int refs;
	size_t len; /* bytes read */
	size_t done; /* bytes of whole frames that were passed on */
	char bytes[];
};

/* Whole frames on their way to somebody. */
struct piece {
	struct piece *next;
	struct chunk *chunk;
	char *at;
	size_t len;
};

/* A queue of pieces. */
struct pieces {
	struct piece *first;
	struct piece **last;
};

/* One socket: the client's or a worker's. */
struct end {
	int fd;
	struct chunk *in; /* what is being read */
	struct pieces out;
	bool waits; /* for room to write */
	bool paused; /* not read, for now */
	size_t held; /* of a worker: frames that it has */
};

static struct {
	int epoll;
	size_t frame; /* bytes */
	size_t credit; /* frames that a worker may hold */
	size_t chunk; /* bytes of a chunk */
	int n; /* workers */
	struct end client;
	struct end workers[RELAY_WORKERS_MAX];
	struct pieces waiting; /* for a worker */
	size_t n_waiting; /* frames of them */
	size_t inside; /* bytes read of the client and not sent to a worker */
	struct chunk *free_chunks;
	struct piece *free_pieces;
} forward;

/* A chunk with one reference. */
static struct chunk *
chunk_new(void)
{
	struct chunk *c = forward.free_chunks;

	if (c != NULL)
		forward.free_chunks = c->next;
	else
		c = spawn_alloc(sizeof *c + forward.chunk);
	c->refs = 1;
	c->len = c->done = 0;
	return c;
}

static void
chunk_unref(struct chunk *c)
{
	if (--c->refs > 0)
		return;
	c->next = forward.free_chunks;
	forward.free_chunks = c;
}

static void
pieces_init(struct pieces *q)
{
	q->first = NULL;
	q->last = &q->first;
}

/* Appends bytes of a chunk. */
static void
pieces_add(struct pieces *q, struct chunk *c, char *at, size_t len)
{
	struct piece *p = forward.free_pieces;

	if (p != NULL)
		forward.free_pieces = p->next;
	else
		p = spawn_alloc(sizeof *p);
	p->next = NULL;
	p->chunk = c;
	p->at = at;
	p->len = len;
	c->refs++;
	*q->last = p;
	q->last = &p->next;
}

/* Takes len bytes off the front. */
static void
pieces_take(struct pieces *q, size_t len)
{
	while (len > 0) {
		struct piece *p = q->first;
		size_t n;

		assert(p != NULL); /* no more was sent than there was */
		n = len < p->len ? len : p->len;
		p->at += n;
		p->len -= n;
		len -= n;
		if (p->len > 0)
			return;
		q->first = p->next;
		if (q->first == NULL)
			q->last = &q->first;
		chunk_unref(p->chunk);
		p->next = forward.free_pieces;
		forward.free_pieces = p;
	}
}

/* Tells epoll what an end waits for. */
static void
end_arm(struct end *e, int op)
{
	struct epoll_event ev = {.data.ptr = e};

	if (!e->paused)
		ev.events |= EPOLLIN;
	if (e->waits)
		ev.events |= EPOLLOUT;
	epoll_ctl(forward.epoll, op, e->fd, &ev);
}

/* Sends what the socket takes. */
static void
end_flush(struct end *e)
{
	bool waits = false;

	while (e->out.first != NULL && !waits) {
		struct iovec iov[FORWARD_PIECES];
		struct msghdr msg = {.msg_iov = iov};
		size_t wanted = 0;
		ssize_t n;

		for (struct piece *p = e->out.first;
		     p != NULL && msg.msg_iovlen < FORWARD_PIECES;
		     p = p->next) {
			iov[msg.msg_iovlen].iov_base = p->at;
			iov[msg.msg_iovlen++].iov_len = p->len;
			wanted += p->len;
		}
		n = sendmsg(e->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			_exit(0);
		if (n > 0)
			pieces_take(&e->out, (size_t)n);
		if (n > 0 && e != &forward.client)
			forward.inside -= (size_t)n;
		waits = n < (ssize_t)wanted;
	}
	if (waits != e->waits) {
		e->waits = waits;
		end_arm(e, EPOLL_CTL_MOD);
	}
}

/* Makes room for the next read: a new chunk, with the frame that has begun. */
static void
end_renew(struct end *e)
{
	struct chunk *old = e->in;
	size_t part = old->len - old->done;

	e->in = chunk_new();
	memcpy(e->in->bytes, old->bytes + old->done, part);
	e->in->len = part;
	chunk_unref(old);
}

/* Reads once, and passes whole frames on to `to`; gives how many. */
static size_t
end_read(struct end *e, struct pieces *to)
{
	struct chunk *c = e->in;
	size_t whole;
	ssize_t n;

	if (c->refs == 1 && c->done == c->len)
		c->done = c->len = 0;
	if (forward.chunk - c->done < forward.frame ||
	    c->len == forward.chunk) {
		end_renew(e);
		c = e->in;
	}
	n = recv(e->fd, c->bytes + c->len, forward.chunk - c->len,
	    MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		_exit(0);
	if (n < 0)
		return 0;
	c->len += (size_t)n;
	whole = (c->len - c->done) / forward.frame;
	if (whole > 0)
		pieces_add(to, c, c->bytes + c->done, whole * forward.frame);
	c->done += whole * forward.frame;
	return whole;
}

/* Gives a worker n of the frames that wait. */
static void
forward_give(struct end *worker, size_t n)
{
	size_t left = n * forward.frame;

	while (left > 0) {
		struct piece *p = forward.waiting.first;
		size_t len = left < p->len ? left : p->len;

		pieces_add(&worker->out, p->chunk, p->at, len);
		pieces_take(&forward.waiting, len);
		left -= len;
	}
	worker->held += n;
	forward.n_waiting -= n;
}

/* Splits what waits evenly over the workers that may hold more. */
static void
forward_share(void)
{
	for (int i = 0; i < forward.n && forward.n_waiting > 0; i++) {
		struct end *w = &forward.workers[i];
		size_t rest = (size_t)(forward.n - i);
		size_t n = (forward.n_waiting + rest - 1) / rest;

		if (n > forward.credit - w->held)
			n = forward.credit - w->held;
		if (n > 0)
			forward_give(w, n);
	}
}

/* Takes what the client sent. */
static void
forward_take(struct end *client)
{
	size_t n = end_read(client, &forward.waiting);

	forward.n_waiting += n;
	forward.inside += n * forward.frame;
}

/* Reads of the client only while not much of it is still here. */
static void
forward_pace(void)
{
	bool paused = forward.inside > FORWARD_INSIDE;

	if (paused == forward.client.paused)
		return;
	forward.client.paused = paused;
	end_arm(&forward.client, EPOLL_CTL_MOD);
}

/* Handles what one event says. */
static void
forward_event(struct end *e, unsigned int events)
{
	if (events & EPOLLOUT)
		end_flush(e);
	if ((events & ~(unsigned int)EPOLLOUT) == 0)
		return;
	if (e == &forward.client)
		forward_take(e);
	else
		e->held -= end_read(e, &forward.client.out);
}

/* Sends what this turn has brought; what waits for room is not tried again. */
static void
forward_flush(void)
{
	if (!forward.client.waits)
		end_flush(&forward.client);
	for (int i = 0; i < forward.n; i++) {
		if (!forward.workers[i].waits)
			end_flush(&forward.workers[i]);
	}
}

/* Makes an end of a socket. */
static void
end_init(struct end *e, int fd)
{
	e->fd = fd;
	e->in = chunk_new();
	pieces_init(&e->out);
	end_arm(e, EPOLL_CTL_ADD);
}

void
forward_main(const int *fds, int n, size_t frame, size_t credit)
{
	struct epoll_event events[FORWARD_EVENTS];

	forward.epoll = epoll_create1(EPOLL_CLOEXEC);
	forward.frame = frame;
	forward.credit = credit;
	forward.chunk = frame > FORWARD_READ ? frame : FORWARD_READ;
	forward.n = n;
	pieces_init(&forward.waiting);
	end_init(&forward.client, fds[0]);
	for (int i = 0; i < n; i++)
		end_init(&forward.workers[i], fds[1 + i]);
	for (;;) {
		int ready =
		    epoll_wait(forward.epoll, events, FORWARD_EVENTS, -1);

		for (int i = 0; i < ready; i++)
			forward_event(events[i].data.ptr, events[i].events);
		forward_share();
		forward_flush();
		forward_pace();
	}
}
