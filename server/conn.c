#include "server/conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/fdpass.h"
#include "server/conn-input.h"

#define CONN_SNDBUF 212992 /* what distributions allow everyone */
#define CONN_TURN_INPUT ((size_t)256 << 10) /* bytes for one read */

static void conn_read_cb(evutil_socket_t fd, short what, void *arg);
static void conn_write_cb(evutil_socket_t fd, short what, void *arg);

int
conn_init(struct conn *c, struct loop *l, const struct conn_ops *ops, int fd,
    const struct limits *limits)
{
	int size = CONN_SNDBUF;

	memset(c, 0, sizeof *c);
	c->loop = l;
	c->ops = ops;
	c->fd = fd;
	scan_init(&c->scan, limits);
	outbox_init(&c->out);
	c->read_event =
	    event_new(l->base, fd, EV_READ | EV_PERSIST, conn_read_cb, c);
	if (c->read_event == NULL || event_add(c->read_event, NULL) == -1) {
		if (c->read_event != NULL)
			event_free(c->read_event);
		return -1;
	}
	c->reading = true;
	/* Large messages need it to flow; a refusal only costs speed. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

void
conn_hold(struct conn *c, enum conn_hold why)
{
	c->holds |= (uint8_t)why;
	if (c->reading && !c->edge)
		event_del(c->read_event);
	c->reading = false;
}

void
conn_unhold(struct conn *c, enum conn_hold why)
{
	c->holds &= (uint8_t)~why;
	if (c->holds != 0 || c->reading || c->ended)
		return;
	c->reading = event_add(c->read_event, NULL) == 0;
}

static struct conn_list *
conn_list(const struct conn *c)
{
	return c->metered ? &c->loop->ready : &c->loop->ready_free;
}

/* Has the rest of the input looked at in the next turn. */
static void
conn_queue(struct conn *c)
{
	assert(!(c->holds & CONN_HOLD_MEMORY)); /* which uses the same link */
	if (!c->queued)
		TAILQ_INSERT_TAIL(conn_list(c), c, held_link);
	c->queued = true;
}

static void
conn_unqueue(struct conn *c)
{
	if (c->queued)
		TAILQ_REMOVE(conn_list(c), c, held_link);
	c->queued = false;
}

void
conn_close(struct conn *c)
{
	if (c->fd == -1)
		return;
	conn_input_leave(c);
	conn_unqueue(c);
	c->holds = 0;
	if (c->dirty)
		TAILQ_REMOVE(&c->loop->dirty, c, link);
	c->dirty = false;
	if (c->read_event != NULL) /* conn_watch_hangup() had memory */
		event_free(c->read_event);
	if (c->write_event != NULL)
		event_free(c->write_event);
	c->read_event = c->write_event = NULL;
	c->reading = c->writing = false;
	c->ended = true;
	close(c->fd);
	c->fd = -1;
	TAILQ_INSERT_TAIL(&c->loop->closed, c, link);
}

void
conn_inherit(struct conn *c, struct conn *from)
{
	c->in = from->in;
	c->in_start = from->in_start;
	c->in_end = from->in_end;
	from->in = NULL;
	from->in_start = from->in_end = 0;
	conn_input_set(from, NULL, 0);
	conn_input_count(c);
	c->holds |= CONN_HOLD_TURN;
	conn_queue(c);
	c->out = from->out;
	outbox_init(&from->out);
	if (c->out.bytes > 0)
		conn_mark_dirty(c);
}

void
conn_release(struct conn *c)
{
	TAILQ_REMOVE(&c->loop->closed, c, link);
	conn_input_set(c, NULL, 0);
	conn_drop_output(c);
	c->ops->release(c);
}

/* A reason of the owner's less: what was left is looked at next. */
static void
conn_let_go(struct conn *c, enum conn_hold why)
{
	conn_unhold(c, why);
	if (c->holds & CONN_HOLD_MEMORY)
		conn_input_feed(c->loop);
	else if ((c->holds & CONN_HOLD_TURN) && !(c->holds & CONN_HOLDS_OWNER))
		conn_queue(c);
}

void
conn_pause(struct conn *c)
{
	conn_unqueue(c);
	conn_hold(c, CONN_HOLD_OWNER);
}

void
conn_resume(struct conn *c)
{
	conn_let_go(c, CONN_HOLD_OWNER);
}

void
conn_wait(struct conn *c)
{
	conn_unqueue(c);
	conn_hold(c, CONN_HOLD_WAIT);
}

void
conn_go_on(struct conn *c)
{
	conn_let_go(c, CONN_HOLD_WAIT);
}

/* Whether both halves are closed by the peer. */
bool
conn_hung_up(const struct conn *c)
{
	struct pollfd p = {c->fd, 0, 0};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static void
conn_hangup_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (conn_hung_up(c))
		c->ops->lost(c, 0);
}

/*
 * A level-triggered read event would fire for ever after EOF, so from here on
 * the socket's events are edge-triggered (libevent wants all of one socket
 * alike): the next edge is the hang-up.
 */
bool
conn_watch_hangup(struct conn *c)
{
	event_free(c->read_event);
	if (c->write_event != NULL)
		event_free(c->write_event);
	c->write_event = NULL;
	c->writing = false;
	c->reading = false;
	c->edge = true;
	c->read_event = event_new(c->loop->base, c->fd,
	    EV_READ | EV_ET | EV_PERSIST, conn_hangup_cb, c);
	if (c->read_event == NULL || event_add(c->read_event, NULL) == -1)
		return true;
	if (c->out.bytes > 0)
		conn_flush(c);
	return c->fd != -1 && conn_hung_up(c);
}

void
conn_end(struct conn *c)
{
	conn_pause(c);
	c->ended = true;
	conn_input_leave(c);
}

/*
 * Whether it had all its messages of this turn. Those that were left from the
 * turn before count: there may be more to read behind them.
 */
static bool
conn_had_share(struct conn *c)
{
	if (c->turn != c->loop->turn)
		c->frames = 0;
	c->turn = c->loop->turn;
	return c->frames >= c->loop->turn_frames;
}

/*
 * A turn's work for this connection is done, and more is left: the others come
 * first.
 */
static void
conn_end_turn(struct conn *c)
{
	/* The event stays: to take it out for one turn costs two system calls. */
	c->holds |= CONN_HOLD_TURN;
	if (!(c->holds & CONN_HOLDS_OWNER))
		conn_queue(c);
}

/* The input is no message: nothing more is read. */
static void
conn_break(struct conn *c)
{
	conn_pause(c);
	c->ended = true;
	conn_input_set(c, NULL, 0);
	c->ops->broken(c, scan_fault(&c->scan));
}

/*
 * Cuts and hands out whole frames. False: there is nothing more to do with
 * the input now.
 */
static bool
conn_scan(struct conn *c)
{
	struct frame frame;
	struct message_in m = {.frame = &frame};
	enum scan_status status;
	const uint32_t frames_max =
	    c->whole ? UINT32_MAX : c->loop->turn_frames;
	const size_t out_max = c->whole ? SIZE_MAX : c->out.bytes + LOOP_OUTPUT;

	m.chunk = c->in;
	while (c->in_start < c->in_end) {
		if (c->frames >= frames_max || c->out.bytes >= out_max ||
		    (c->holds & CONN_HOLD_WAIT)) {
			conn_end_turn(c);
			return false;
		}
		m.bytes = c->in->bytes + c->in_start;
		status = scan_next(&c->scan, m.bytes, c->in_end - c->in_start,
		    &frame);
		if (status == SCAN_MORE)
			return true;
		if (status == SCAN_BAD) {
			conn_break(c);
			return false;
		}
		c->in_start += frame.size;
		c->fresh = true;
		c->frames++;
		c->ops->frame(c, &m);
		if (c->ended)
			return false;
	}
	return true;
}

/* One system call. Returns what recv() does. */
static ssize_t
conn_receive(struct conn *c)
{
	uint8_t *at = c->in->bytes + c->in_end;
	size_t room = c->in->cap - c->in_end;
	int fds[FDPASS_MAX];
	size_t n;
	ssize_t got;

	if (room > CONN_TURN_INPUT)
		room = CONN_TURN_INPUT;
	if (!c->takes_fds)
		return recv(c->fd, at, room, MSG_DONTWAIT);
	got = fdpass_receive(c->fd, at, room, fds, &n, MSG_DONTWAIT);
	if (n > 0)
		c->ops->fds(c, fds, n);
	return got;
}

/* Reads once. Returns the bytes read, 0 when there is no more to do now. */
static size_t
conn_read(struct conn *c)
{
	ssize_t got;

	if (conn_input_room(c) == -1) {
		if (errno == EAGAIN)
			conn_input_starve(c);
		else
			c->ops->lost(c, ENOMEM);
		return 0;
	}
	got = conn_receive(c);
	if (got == -1) {
		if (errno == EAGAIN || errno == EINTR)
			conn_input_settle(c);
		else
			c->ops->lost(c, errno);
		return 0;
	}
	if (got == 0) {
		conn_pause(c);
		c->ended = true;
		conn_input_set(c, NULL, 0); /* it will not be whole */
		c->ops->eof(c);
		return 0;
	}
	c->in_end += (size_t)got;
	if (c->ended || !conn_scan(c))
		return 0;
	conn_input_settle(c);
	return (size_t)got;
}

/* All that was read is looked at: what the owner has to know of the rest. */
static void
conn_tell_rest(struct conn *c)
{
	if (c->holds_fds && c->in == NULL)
		c->ops->fds_left(c);
	if (c->ended)
		return;
	if (c->fresh && c->in_large > 0)
		conn_input_end_large(c);
	conn_input_tell(c);
	c->fresh = false;
}

static void
conn_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (c->holds != 0 || conn_had_share(c))
		return; /* the event comes again in the next turn */
	conn_read(c);
	if (!c->ended)
		conn_tell_rest(c);
}

void
conn_continue(struct conn *c)
{
	conn_unqueue(c);
	c->holds &= (uint8_t)~CONN_HOLD_TURN;
	conn_had_share(c); /* counts from none */
	if (!conn_scan(c)) {
		if (!c->ended && c->fresh && c->in_large > 0)
			conn_input_end_large(c);
		return;
	}
	conn_input_settle(c);
	conn_unhold(c, CONN_HOLD_TURN);
	conn_tell_rest(c);
}

void
conn_read_rest(struct conn *c)
{
	c->whole = true;
	if (c->holds & CONN_HOLD_TURN)
		conn_continue(c);
	/* behind what was not looked at there is nothing to read for */
	while (!c->ended && !(c->holds & (CONN_HOLD_TURN | CONN_HOLD_MEMORY)) &&
	       conn_read(c) > 0)
		;
}

void
conn_mark_dirty(struct conn *c)
{
	if (c->fd == -1)
		return;
	c->dirty = true;
	TAILQ_INSERT_TAIL(&c->loop->dirty, c, link);
}

int
conn_copy(struct conn *c, const void *bytes, size_t len)
{
	size_t before = c->out.bytes;
	int rc;

	if (!c->dirty)
		conn_mark_dirty(c);
	rc = outbox_copy(&c->out, bytes, len);
	c->loop->out_bytes += c->out.bytes - before;
	return rc;
}

int
conn_add(struct conn *c, const uint8_t *at, size_t len, struct chunk *chunk)
{
	size_t before = c->out.bytes;
	int rc;

	if (!c->dirty)
		conn_mark_dirty(c);
	rc = outbox_add(&c->out, at, len, chunk);
	c->loop->out_bytes += c->out.bytes - before;
	return rc;
}

void
conn_fail(struct conn *c)
{
	if (!c->dirty)
		conn_mark_dirty(c);
	outbox_fail(&c->out);
}

void
conn_attach(struct conn *c, struct fdset *fdset)
{
	outbox_attach(&c->out, fdset);
}

void
conn_drop_output(struct conn *c)
{
	c->loop->out_bytes -= c->out.bytes;
	outbox_clear(&c->out);
	if (c->writing)
		event_del(c->write_event);
	c->writing = false;
}

/* Waits for the socket to take more. */
static void
conn_wait_write(struct conn *c)
{
	short edge = c->edge ? EV_ET : 0;

	if (c->writing)
		return;
	if (c->write_event == NULL)
		c->write_event = event_new(c->loop->base, c->fd,
		    (short)(EV_WRITE | EV_PERSIST | edge), conn_write_cb, c);
	if (c->write_event == NULL || event_add(c->write_event, NULL) == -1) {
		c->ops->lost(c, ENOMEM);
		return;
	}
	c->writing = true;
}

void
conn_flush(struct conn *c)
{
	size_t before = c->out.bytes;
	enum outbox_status rc;

	if (c->dirty)
		TAILQ_REMOVE(&c->loop->dirty, c, link);
	c->dirty = false;
	if (c->fd == -1)
		return;
	rc = outbox_send(&c->out, c->fd);
	c->loop->out_bytes -= before - c->out.bytes;
	if (rc == OUTBOX_BROKEN) {
		c->ops->lost(c, errno);
		return;
	}
	if (rc == OUTBOX_MORE) {
		conn_mark_dirty(c);
		return;
	}
	if (rc == OUTBOX_FULL) {
		conn_wait_write(c);
		if (c->fd != -1 && c->ops->stuck != NULL)
			c->ops->stuck(c);
		return;
	}
	if (c->writing)
		event_del(c->write_event);
	c->writing = false;
	if (c->ops->sent != NULL)
		c->ops->sent(c);
}

static void
conn_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	/* with the others: twice in a turn would be two turns' bytes */
	if (!c->dirty)
		conn_mark_dirty(c);
}
