#include "tests/unit/world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANG_S 10 /* longer than anything takes */

static void
note(struct side *s, char what)
{
	assert_true(s->n_events + 1 < EVENTS_MAX);
	s->events[s->n_events++] = what;
}

void
world_write_part(struct side *s, uint32_t id, size_t from, size_t to,
    const int *fds, size_t n)
{
	uint8_t out[MESSAGE_MAX];
	size_t len = envelope_request(out, id, "m", 1, 0);

	if (to > len)
		to = len;
	assert_int_equal(fdpass_send(s->peer, out + from, to - from, fds, n,
			     MSG_DONTWAIT),
	    to - from);
}

void
world_write(struct side *s, uint32_t n)
{
	uint8_t *out = malloc(n * MESSAGE_MAX);
	size_t len = 0;

	assert_non_null(out);
	for (uint32_t i = 0; i < n; i++)
		len += envelope_request(out + len, s->sent++, "m", 1, 0);
	assert_int_equal(send(s->peer, out, len, MSG_DONTWAIT | MSG_NOSIGNAL),
	    len);
	free(out);
}

/* The oldest descriptor is the message's. */
static void
take_fd(struct side *s)
{
	struct stat st;

	assert_true(s->n_fds > 0);
	assert_int_equal(fstat(s->fds[0], &st), 0);
	assert_true(fcntl(s->fds[0], F_GETFD) & FD_CLOEXEC);
	close(s->fds[0]);
	s->n_fds--;
	memmove(s->fds, s->fds + 1, s->n_fds * sizeof s->fds[0]);
	s->conn.holds_fds = s->n_fds > 0;
	s->fd_sizes[s->n_fd_sizes++] = (uint32_t)st.st_size;
}

static void
frame_cb(struct conn *c, const struct message_in *m)
{
	struct side *s = (struct side *)c;

	note(s, 'm');
	assert_int_equal(m->frame->kind, FRAME_REQUEST);
	assert_memory_equal(m->bytes + m->frame->method.at, "m", 1);
	assert_true(s->conn.fd != -1);
	if (m->frame->msgid >= OWNS_FD)
		take_fd(s);
	else
		assert_int_equal(m->frame->msgid, s->taken);
	s->taken++;
	s->in_turn++;
	if (s->answer != NULL)
		assert_int_equal(conn_add(c, s->answer->bytes, s->answer->cap,
				     s->answer),
		    0);
	if (s->replies)
		world_write(s, 1);
}

static void
broken_cb(struct conn *c, enum scan_fault fault)
{
	fail();
}

static void
eof_cb(struct conn *c)
{
	note((struct side *)c, 'e');
}

static void
lost_cb(struct conn *c, int err)
{
	note((struct side *)c, 'x');
	conn_close(c);
}

static void
sent_cb(struct conn *c)
{
	note((struct side *)c, 's');
}

static void
stuck_cb(struct conn *c)
{
	note((struct side *)c, 'k');
}

static void
fds_cb(struct conn *c, const int *fds, size_t n)
{
	struct side *s = (struct side *)c;

	note(s, 'f');
	assert_true(s->n_fds + n <= FDPASS_MAX);
	memcpy(s->fds + s->n_fds, fds, n * sizeof fds[0]);
	s->n_fds += (uint32_t)n;
	c->holds_fds = true;
}

static void
fds_left_cb(struct conn *c)
{
	struct side *s = (struct side *)c;

	note(s, 'l');
	while (s->n_fds > 0)
		close(s->fds[--s->n_fds]);
	c->holds_fds = false;
}

static void
release_cb(struct conn *c)
{
	note((struct side *)c, 'r');
}

static const struct conn_ops ops = {
    .frame = frame_cb,
    .broken = broken_cb,
    .eof = eof_cb,
    .lost = lost_cb,
    .sent = sent_cb,
    .stuck = stuck_cb,
    .fds = fds_cb,
    .fds_left = fds_left_cb,
    .release = release_cb,
};

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
}

/* A loop that does not get on fails its test, and hangs nobody. */
static void
watchdog_cb(evutil_socket_t fd, short what, void *arg)
{
	fail_msg("the loop hangs");
}

void
world_add_side(struct world *w, struct side *s)
{
	const struct limits limits = LIMITS_DEFAULT;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     pair),
	    0);
	assert_int_not_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), -1);
	s->world = w;
	s->peer = pair[1];
	assert_int_equal(conn_init(&s->conn, &w->loop, &ops, pair[0], &limits),
	    0);
}

void
world_hang_up(struct side *s)
{
	close(s->peer);
	s->peer = -1;
}

int
world_setup(void **state)
{
	const struct timeval hang = {.tv_sec = HANG_S};
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	assert_int_equal(loop_init(&w->loop), 0);
	w->loop.turn_frames = FRAMES;
	w->tick = event_new(w->loop.base, -1, 0, tick_cb, w);
	w->watchdog = event_new(w->loop.base, -1, 0, watchdog_cb, w);
	event_add(w->watchdog, &hang);
	world_add_side(w, &w->a);
	*state = w;
	return 0;
}

static void
side_clear(struct side *s)
{
	conn_close(&s->conn);
	if (s->peer != -1)
		world_hang_up(s);
	while (s->n_fds > 0)
		close(s->fds[--s->n_fds]);
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	side_clear(&w->a);
	if (w->has_b)
		side_clear(&w->b);
	loop_flush(&w->loop);
	assert_true(TAILQ_EMPTY(&w->loop.ready));
	assert_true(TAILQ_EMPTY(&w->loop.ready_free));
	assert_true(TAILQ_EMPTY(&w->loop.dirty));
	assert_int_equal(w->loop.out_bytes, 0);
	event_free(w->tick);
	event_free(w->watchdog);
	loop_clear(&w->loop);
	free(w);
	return 0;
}

static void
side_turn(struct side *s)
{
	if (s->in_turn > s->most)
		s->most = s->in_turn;
	s->in_turn = 0;
}

static void
turn_cb(void *arg)
{
	struct world *w = arg;

	side_turn(&w->a);
	side_turn(&w->b);
	w->turns++;
	w->turn(w);
	loop_flush(&w->loop);
}

void
world_run(struct world *w, void (*turn)(struct world *w))
{
	w->turns = 0;
	w->a.most = w->b.most = 0;
	w->turn = turn;
	w->loop.stop = false;
	loop_run(&w->loop, turn_cb, w);
}

void
world_tick(struct world *w)
{
	event_active(w->tick, 0, 0);
}

static void
five_turns(struct world *w)
{
	world_tick(w);
	w->loop.stop = w->turns == 5;
}

void
world_run_five(struct world *w)
{
	world_tick(w);
	world_run(w, five_turns);
}

void
world_one_turn(struct world *w)
{
	w->loop.stop = true;
}

void
world_all_taken(struct world *w)
{
	w->loop.stop = w->a.taken == w->a.sent;
}

void
world_ended(struct world *w)
{
	w->loop.stop = w->a.conn.ended;
}

void
world_check_messages(const struct side *s, uint32_t n)
{
	assert_int_equal(s->taken, n);
	assert_int_equal(s->n_events, n);
	assert_int_equal(strspn(s->events, "m"), n);
}

int
world_file(uint32_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}
