#include "client/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/handle.h"
#include "client/resend.h"
#include "client/revive.h"

#define IO_READ_SIZE ((size_t)64 << 10) /* room for a read, at least */
#define MS_PER_S 1000
#define NS_PER_MS 1000000

uint64_t
io_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MS_PER_S +
	       (uint64_t)ts.tv_nsec / NS_PER_MS;
}

uint64_t
io_deadline(uint64_t wait_ms)
{
	uint64_t now = io_now();

	if (wait_ms == 0 || wait_ms > IO_NEVER - now)
		return IO_NEVER;
	return now + wait_ms;
}

void
io_flush(struct moro *m)
{
	while (!m->out_broken && buffer_len(&m->out) > 0) {
		ssize_t n = parcels_send(&m->parcels, m->fd,
		    buffer_head(&m->out), buffer_len(&m->out));

		if (n >= 0) {
			buffer_consume(&m->out, (size_t)n);
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			return;
		} else if (errno != EINTR) {
			/* answers may still be there to be read */
			m->out_broken = true;
			resend_salvage(m);
			buffer_clear(&m->out);
			parcels_drop(&m->parcels);
		}
	}
}

/* Ends the connection with a sentence that says how it was lost. */
static void
io_lost(struct moro *m, int error)
{
	bool middle = buffer_len(&m->in) > 0;

	if (error != 0 && error != ECONNRESET && error != EPIPE)
		handle_fail(m, MORO_SYSTEM, "cannot read from %s: %s", m->path,
		    strerror(error));
	else
		handle_fail(m, MORO_LOST,
		    "the server at %s closed the connection%s", m->path,
		    middle ? " in the middle of an answer" : "");
}

/* How much room the next read gets: a large message just what it needs. */
static size_t
io_room(const struct moro *m)
{
	size_t have = buffer_len(&m->in);
	size_t wanted = have == 0 ? 0 : scan_wanted(&m->scan);

	return wanted > have + IO_READ_SIZE ? wanted - have : IO_READ_SIZE;
}

int
io_read(struct moro *m, bool wait)
{
	size_t room = io_room(m);
	ssize_t n;

	/* one byte more, for the NUL behind a result */
	if (buffer_reserve(&m->in, room + 1) == -1) {
		handle_fail(m, MORO_NO_MEMORY,
		    "out of memory for an answer of %zu bytes", room);
		return -1;
	}
	do
		n = recv(m->fd, buffer_tail(&m->in), room,
		    wait ? 0 : MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n > 0) {
		m->in.end += (size_t)n;
		return 1;
	}
	if (n == -1 && errno == EAGAIN && !m->out_broken)
		return 0;
	/* nothing to read and no way to write: nothing will ever come */
	io_lost(m, n == -1 && errno != EAGAIN ? errno : 0);
	return -1;
}

/* Milliseconds until the deadline as poll() takes them. */
static int
io_left(uint64_t deadline)
{
	uint64_t now;

	if (deadline == IO_NEVER)
		return -1;
	now = io_now();
	if (now >= deadline)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

/* Waits until the socket is ready. Returns its events, 0: the deadline. */
static short
io_poll(struct moro *m, uint64_t deadline)
{
	struct pollfd p = {.fd = m->fd, .events = POLLIN};
	int n;

	if (buffer_len(&m->out) > 0)
		p.events |= POLLOUT;
	do
		n = poll(&p, 1, io_left(deadline));
	while (
	    (n == -1 && errno == EINTR) || (n == 0 && io_left(deadline) != 0));
	return n > 0 ? p.revents : 0;
}

/*
 * Waits for what is due next while there is no connection. Returns as
 * io_turn() does.
 */
static int
io_idle(struct moro *m, uint64_t deadline)
{
	uint64_t due = revive_due(m);
	uint64_t until = due < deadline ? due : deadline;
	int left;

	while ((left = io_left(until)) != 0)
		poll(NULL, 0, left);
	return due <= deadline ? 1 : 0;
}

/* One turn with a connection. */
static int
io_turn_fd(struct moro *m, uint64_t deadline)
{
	uint64_t due = revive_due(m);
	uint64_t until = due < deadline ? due : deadline;
	short ready;
	int rc;

	io_flush(m);
	if (until == IO_NEVER && buffer_len(&m->out) == 0) {
		rc = io_read(m, true);
		if (rc != 0)
			return rc;
	}
	ready = io_poll(m, until);
	if (ready == 0)
		return due <= deadline ? 1 : 0;
	if (ready & ~POLLOUT)
		return io_read(m, false) == -1 ? -1 : 1;
	return 1;
}

int
io_turn(struct moro *m, uint64_t deadline)
{
	revive_tick(m);
	if (m->fd != -1)
		return io_turn_fd(m, deadline);
	return handle_open(m) ? io_idle(m, deadline) : -1;
}
