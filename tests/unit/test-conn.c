/*
 * A connection in a real loop, the test at the other end of its socket: what is
 * read comes in turns, whole and in order, and what is sent arrives so.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/limit.h"
#include "server/conn.h"

#define KIB ((size_t)1 << 10)
#define FRAMES 8 /* messages of a connection in a turn */
#define MANY (5 * FRAMES + 3) /* messages in one write */
#define EVENTS_MAX 4096
#define HANG_S 10 /* longer than anything takes */
#define MESSAGE_MAX (ENVELOPE_HEAD_MAX + 1)
#define OWNS_FD 1000 /* from this msgid on a message owns a descriptor */

struct world;

/* A connection, and the other end of its socket. */
struct side {
	struct conn conn; /* first: the callbacks are given this */
	struct world *world;
	int peer; /* -1: closed */
	uint32_t sent; /* messages written so far, which is the next's id */
	uint32_t taken; /* messages handed out */
	uint32_t in_turn; /* of them, in this turn */
	uint32_t most; /* in any turn */
	bool replies; /* the peer writes the next one at once */
	struct chunk *answer; /* put out for each message, or NULL */
	/*
	 * What was called, in order: 'm' frame, 'f' fds, 'l' fds_left, 'e' eof,
	 * 'x' lost, 's' sent, 'k' stuck, 'r' release.
	 */
	char events[EVENTS_MAX];
	uint32_t n_events;
	int fds[FDPASS_MAX]; /* that came and belong to no message yet */
	uint32_t n_fds;
	uint32_t fd_sizes[FDPASS_MAX * 4]; /* of those that messages took */
	uint32_t n_fd_sizes;
};

/* A loop, and what the test does in its turns. */
struct world {
	struct loop loop;
	struct side a, b; /* b: only in some tests */
	bool has_b;
	uint32_t turns;
	void (*turn)(struct world *w); /* may set loop.stop */
	struct event *tick; /* made active to have one more turn at once */
	struct event *watchdog;
	void *user;
};

static void
note(struct side *s, char what)
{
	assert_true(s->n_events + 1 < EVENTS_MAX);
	s->events[s->n_events++] = what;
}

/* Writes a message, or its first `len` bytes, with descriptors. */
static void
write_part(struct side *s, uint32_t id, size_t from, size_t to, const int *fds,
    size_t n)
{
	uint8_t out[MESSAGE_MAX];
	size_t len = envelope_request(out, id, "m", 1, 0);

	if (to > len)
		to = len;
	assert_int_equal(fdpass_send(s->peer, out + from, to - from, fds, n,
			     MSG_DONTWAIT),
	    to - from);
}

/* Writes n messages in one call. */
static void
write_messages(struct side *s, uint32_t n)
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
		write_messages(s, 1);
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

static void
side_init(struct world *w, struct side *s)
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

static void
hang_up(struct side *s)
{
	close(s->peer);
	s->peer = -1;
}

static int
setup(void **state)
{
	const struct timeval hang = {.tv_sec = HANG_S};
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	assert_int_equal(loop_init(&w->loop), 0);
	w->loop.turn_frames = FRAMES;
	w->tick = event_new(w->loop.base, -1, 0, tick_cb, w);
	w->watchdog = event_new(w->loop.base, -1, 0, watchdog_cb, w);
	event_add(w->watchdog, &hang);
	side_init(w, &w->a);
	*state = w;
	return 0;
}

static void
side_clear(struct side *s)
{
	conn_close(&s->conn);
	if (s->peer != -1)
		hang_up(s);
	while (s->n_fds > 0)
		close(s->fds[--s->n_fds]);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	side_clear(&w->a);
	if (w->has_b)
		side_clear(&w->b);
	loop_flush(&w->loop);
	assert_true(TAILQ_EMPTY(&w->loop.ready));
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

/* Runs turns until one of them sets loop.stop; starts to count afresh. */
static void
run(struct world *w, void (*turn)(struct world *w))
{
	w->turns = 0;
	w->a.most = w->b.most = 0;
	w->turn = turn;
	w->loop.stop = false;
	loop_run(&w->loop, turn_cb, w);
}

/* Has a turn follow also when nothing happens. */
static void
tick(struct world *w)
{
	event_active(w->tick, 0, 0);
}

static void
five_turns(struct world *w)
{
	tick(w);
	w->loop.stop = w->turns == 5;
}

/* Runs five turns, whether there is anything to do in them or not. */
static void
run_five(struct world *w)
{
	tick(w);
	run(w, five_turns);
}

static void
one_turn(struct world *w)
{
	w->loop.stop = true;
}

/* Waits for events until all that was written is handed out. */
static void
all_taken(struct world *w)
{
	w->loop.stop = w->a.taken == w->a.sent;
}

static void
ended(struct world *w)
{
	w->loop.stop = w->a.conn.ended;
}

/* That many messages, and nothing else. */
static void
check_messages(const struct side *s, uint32_t n)
{
	assert_int_equal(s->taken, n);
	assert_int_equal(s->n_events, n);
	assert_int_equal(strspn(s->events, "m"), n);
}

/* A turn hands out its share; the rest comes though nobody writes any more. */
static void
test_share(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, all_taken);
	check_messages(&w->a, MANY);
	assert_int_equal(w->a.most, FRAMES);
	assert_int_equal(w->turns, MANY / FRAMES + 1);
	assert_int_equal(w->a.conn.holds, 0);
	assert_null(w->a.conn.in);
	/* And it is read from as before. */
	write_messages(&w->a, 3);
	run(w, all_taken);
	check_messages(&w->a, MANY + 3);
	assert_int_equal(w->turns, 1);
}

/* A whole share leaves nothing for a turn that would not come. */
static void
test_exact_share(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, FRAMES);
	run(w, all_taken);
	assert_int_equal(w->turns, 1);
	assert_int_equal(w->a.conn.holds, 0);
	assert_true(TAILQ_EMPTY(&w->loop.ready));
}

/* The share can change from turn to turn. */
static void
test_changed_share(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	w->loop.turn_frames = 2;
	run(w, one_turn);
	assert_int_equal(w->a.taken, FRAMES + 2);
	w->loop.turn_frames = MANY;
	run(w, one_turn);
	check_messages(&w->a, MANY);
}

/* What the peer wrote before it closed comes first, in turns; then EOF. */
static void
test_closed_behind(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	hang_up(&w->a);
	run(w, ended);
	assert_int_equal(w->a.taken, MANY);
	assert_int_equal(w->a.most, FRAMES);
	assert_true(w->turns >= MANY / FRAMES + 1);
	w->a.events[w->a.n_events] = '\0';
	assert_int_equal(strspn(w->a.events, "m"), MANY);
	assert_string_equal(w->a.events + MANY, "e");
}

/* The same when it only closed its half, and with part of a message there. */
static void
test_half_closed_behind(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, FRAMES);
	write_part(&w->a, w->a.sent, 0, 4, NULL, 0);
	shutdown(w->a.peer, SHUT_WR);
	run(w, ended);
	assert_int_equal(w->a.taken, FRAMES);
	assert_string_equal(w->a.events + FRAMES, "e");
}

/* A message that is cut where a turn ends goes on when its rest comes. */
static void
test_cut_message(void **state)
{
	struct world *w = *state;
	uint32_t id = FRAMES;

	write_messages(&w->a, FRAMES);
	write_part(&w->a, id, 0, 4, NULL, 0);
	run_five(w);
	check_messages(&w->a, FRAMES);
	write_part(&w->a, id, 4, SIZE_MAX, NULL, 0);
	w->a.sent++;
	run(w, all_taken);
	check_messages(&w->a, FRAMES + 1);
}

/* Messages that are answered with much have a smaller share. */
static void
test_share_of_output(void **state)
{
	struct world *w = *state;

	w->a.answer = chunk_new(100 * KIB);
	write_messages(&w->a, FRAMES);
	run(w, one_turn);
	assert_int_equal(w->a.taken, 3); /* 256 KiB, and what passes it */
	write_messages(&w->a, 1); /* is not read while some are left */
	run(w, one_turn);
	assert_int_equal(w->a.taken, 6);
	conn_drop_output(&w->a.conn);
	conn_close(&w->a.conn);
	loop_flush(&w->loop);
	assert_int_equal(w->a.answer->refs, 1);
	chunk_unref(w->a.answer);
	run_five(w);
	assert_int_equal(w->a.taken, 6); /* nothing of a closed connection */
}

/* As long as one connection has messages left, the peer of it writes. */
static void
write_more(struct world *w)
{
	if (w->turns < 20)
		write_messages(&w->a, 1);
	w->loop.stop = w->turns >= 20 && w->a.taken == w->a.sent;
}

/*
 * A socket that stays readable while messages of it are left does not hold up
 * the turn: its event fires, and nothing is read.
 */
static void
test_readable_meanwhile(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, 20 * FRAMES);
	run(w, write_more);
	check_messages(&w->a, 20 * FRAMES + 19);
	assert_int_equal(w->a.most, FRAMES);
	assert_true(w->turns >= 20 && w->turns <= 25);
}

/*
 * Events that never cease are one pass a turn: a peer that asks again at the
 * very moment its message is handed out is served once in each, while the
 * other connection, which makes the loop busy, gets its share.
 */
static void
test_ceaseless(void **state)
{
	struct world *w = *state;

	side_init(w, &w->b);
	w->has_b = true;
	w->b.replies = true;
	write_messages(&w->b, 1);
	write_messages(&w->a, MANY);
	run(w, all_taken);
	check_messages(&w->a, MANY);
	assert_int_equal(w->a.most, FRAMES);
	assert_int_equal(w->turns, MANY / FRAMES + 1);
	assert_int_equal(w->b.most, 1);
	assert_int_equal(w->b.taken, w->turns);
}

/* The owner pauses while messages are left: none comes until it resumes. */
static void
test_pause(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	conn_pause(&w->a.conn);
	write_messages(&w->a, 10);
	run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	conn_resume(&w->a.conn);
	run(w, all_taken);
	check_messages(&w->a, MANY + 10);
	assert_int_equal(w->a.most, FRAMES);
}

/* Pauses and resumes in the middle of all that, and twice. */
static void
pause_often(struct world *w)
{
	struct conn *c = &w->a.conn;

	tick(w);
	switch (w->turns % 5) {
	case 0:
		conn_resume(c);
		break;
	case 1:
		conn_pause(c);
		conn_resume(c);
		conn_resume(c);
		break;
	case 2:
		write_messages(&w->a, 2);
		conn_pause(c);
		conn_pause(c);
		break;
	default:
		break;
	}
	w->loop.stop = w->turns > 60;
}

/* However often it is paused, none is lost. */
static void
test_pause_often(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, pause_often);
	conn_resume(&w->a.conn);
	run(w, all_taken);
	check_messages(&w->a, w->a.sent);
	assert_int_equal(w->a.most, 0); /* all were handed out before */
}

/* Pauses that end with the messages, and the peer gone behind them. */
static void
test_pause_closed_behind(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	hang_up(&w->a);
	run(w, one_turn);
	conn_pause(&w->a.conn);
	run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	assert_false(w->a.conn.ended);
	conn_resume(&w->a.conn);
	run(w, ended);
	assert_int_equal(w->a.taken, MANY);
	assert_string_equal(w->a.events + MANY, "e");
}

/* Closed with messages left: none of them comes any more. */
static void
test_close_with_rest(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, one_turn);
	conn_close(&w->a.conn);
	run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	assert_string_equal(w->a.events + FRAMES, "r");
	assert_int_equal(w->turns, 5);
}

/* All at once of a peer that is dead: the share does not count. */
static void
test_read_rest(void **state)
{
	struct world *w = *state;

	write_messages(&w->a, MANY);
	run(w, one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	write_messages(&w->a, MANY);
	hang_up(&w->a);
	conn_read_rest(&w->a.conn);
	assert_int_equal(w->a.taken, 2 * MANY);
	assert_string_equal(w->a.events + 2 * MANY, "e");
}

/* A file that its size tells from others. */
static int
file_of(uint32_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

/* Writes part of a message with n new files of the sizes size, size + 1... */
static void
write_with_files(struct side *s, uint32_t id, size_t from, size_t to, size_t n,
    uint32_t size)
{
	int fds[FDPASS_MAX];

	for (size_t i = 0; i < n; i++)
		fds[i] = file_of(size + (uint32_t)i);
	write_part(s, id, from, to, fds, n);
	while (n > 0)
		close(fds[--n]);
}

static void
check_events(const struct side *s, const char *wanted)
{
	assert_string_equal(s->events, wanted);
}

/* Descriptors are there before their message, which finds its own. */
static void
test_fds(void **state)
{
	struct world *w = *state;
	struct side *s = &w->a;

	s->conn.takes_fds = true;
	for (uint32_t i = 0; i < 3; i++)
		write_with_files(s, OWNS_FD + i, 0, SIZE_MAX, 1, 10 + i);
	run_five(w);
	check_events(s, "fmfmfm");
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(s->fd_sizes[i], 10 + i);
}

/* They may come with any byte of it: until it is whole they are nobody's. */
static void
test_fds_with_parts(void **state)
{
	struct world *w = *state;
	struct side *s = &w->a;

	s->conn.takes_fds = true;
	write_with_files(s, OWNS_FD, 0, 3, 1, 20);
	run_five(w);
	check_events(s, "f");
	write_part(s, OWNS_FD, 3, 5, NULL, 0);
	run_five(w);
	check_events(s, "f");
	write_part(s, OWNS_FD, 5, SIZE_MAX, NULL, 0);
	run_five(w);
	check_events(s, "fm");
	write_part(s, OWNS_FD + 1, 0, 3, NULL, 0);
	run_five(w);
	write_with_files(s, OWNS_FD + 1, 3, SIZE_MAX, 1, 21);
	run_five(w);
	check_events(s, "fmfm");
	assert_int_equal(s->fd_sizes[0], 20);
	assert_int_equal(s->fd_sizes[1], 21);
}

/* More than the messages own: said when the last of them was handed out. */
static void
test_fds_left(void **state)
{
	struct world *w = *state;
	struct side *s = &w->a;

	s->conn.takes_fds = true;
	write_with_files(s, OWNS_FD, 0, SIZE_MAX, 2, 30);
	run_five(w);
	check_events(s, "fml");
	assert_int_equal(s->fd_sizes[0], 30);
	/* Also when more was written behind: a read ends at descriptors. */
	write_with_files(s, OWNS_FD + 1, 0, SIZE_MAX, 2, 31);
	write_part(s, OWNS_FD + 2, 0, 2, NULL, 0);
	run_five(w);
	check_events(s, "fmlfml");
}

/* Writes n messages; they come with `files`, and the last may own one. */
static void
write_batch(struct side *s, uint32_t n, bool last_owns, size_t files)
{
	uint8_t out[(FRAMES * 3 + 1) * MESSAGE_MAX];
	int fds[FDPASS_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < n; i++)
		len += envelope_request(out + len, s->sent++, "m", 1, 0);
	if (last_owns)
		len += envelope_request(out + len, OWNS_FD, "m", 1, 0);
	for (size_t i = 0; i < files; i++)
		fds[i] = file_of(40 + (uint32_t)i);
	assert_int_equal(fdpass_send(s->peer, out, len, fds, files,
			     MSG_DONTWAIT),
	    len);
	while (files > 0)
		close(fds[--files]);
}

/* Over several turns they are nobody's: the last message may own them. */
static void
test_fds_over_turns(void **state)
{
	struct world *w = *state;
	struct side *s = &w->a;

	s->conn.takes_fds = true;
	write_batch(s, 2 * FRAMES, true, 1);
	run_five(w);
	check_events(s, "fmmmmmmmmmmmmmmmmm");
	assert_int_equal(s->most, FRAMES);
	assert_int_equal(s->fd_sizes[0], 40);
}

/* And when no one owns them that is said after the last, not before. */
static void
test_fds_left_over_turns(void **state)
{
	struct world *w = *state;
	struct side *s = &w->a;

	s->conn.takes_fds = true;
	write_batch(s, 2 * FRAMES, false, 1);
	run(w, one_turn);
	check_events(s, "fmmmmmmmm");
	run_five(w);
	check_events(s, "fmmmmmmmmmmmmmmmml");
}

/* A connection that takes none closes them. */
static void
test_fds_not_taken(void **state)
{
	struct world *w = *state;
	int pipefd[2];
	char byte;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK), 0);
	write_part(&w->a, 0, 0, SIZE_MAX, &pipefd[1], 1);
	close(pipefd[1]);
	w->a.sent = 1;
	run(w, all_taken);
	check_messages(&w->a, 1);
	assert_int_equal(read(pipefd[0], &byte, 1), 0);
	close(pipefd[0]);
}

#define OUT_ROUNDS 120
#define OUT_FDSETS 16
#define OUT_STEP ((size_t)7000) /* bytes that the peer reads in a turn */

/* A stream on its way out, each byte known by its place. */
struct stream {
	struct side *side;
	size_t len; /* put into the outbox */
	size_t pos; /* read at the other end */
	size_t fd_at[OUT_FDSETS]; /* the place that descriptors go with */
	uint32_t n_fds; /* how many times descriptors were attached */
	uint32_t fds_seen;
	uint32_t round; /* pieces put out, for out_slowly() */
	bool reads;
};

static uint8_t
stream_byte(size_t at)
{
	return (uint8_t)(at * 7 + at / 251 + at / 65536);
}

static void
stream_fill(uint8_t *to, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = stream_byte(at + i);
}

static void
put_room(struct stream *st, size_t len)
{
	uint8_t *at = conn_room(&st->side->conn, len);

	assert_non_null(at);
	stream_fill(at, st->len, len);
	st->len += len;
}

/* By reference, or a copy when it is short; the chunk is not ours after it. */
static void
put_chunk(struct stream *st, size_t len, bool copy)
{
	struct chunk *chunk = chunk_new(len);
	struct conn *c = &st->side->conn;

	assert_non_null(chunk);
	stream_fill(chunk->bytes, st->len, len);
	if (copy)
		assert_int_equal(conn_copy(c, chunk->bytes, len), 0);
	else
		assert_int_equal(conn_add(c, chunk->bytes, len, chunk), 0);
	st->len += len;
	chunk_unref(chunk);
}

/* A chunk in two pieces that follow one another: one piece again. */
static void
put_halves(struct stream *st, size_t len)
{
	struct chunk *chunk = chunk_new(2 * len);
	struct conn *c = &st->side->conn;

	assert_non_null(chunk);
	stream_fill(chunk->bytes, st->len, 2 * len);
	assert_int_equal(conn_add(c, chunk->bytes, len, chunk), 0);
	assert_int_equal(conn_add(c, chunk->bytes + len, len, chunk), 0);
	st->len += 2 * len;
	chunk_unref(chunk);
}

/* Descriptors for the next byte: one, or two of them. */
static void
put_fds(struct stream *st)
{
	uint32_t n = 1 + st->n_fds % 2;
	struct fdset *set;
	int fds[2];

	for (uint32_t i = 0; i < n; i++)
		fds[i] = file_of(100 * st->n_fds + i);
	fdset_count(n);
	set = fdset_new(fds, n);
	assert_non_null(set);
	conn_attach(&st->side->conn, set);
	fdset_unref(set);
	st->fd_at[st->n_fds++] = st->len;
}

/* The i-th piece of output; all kinds stand behind all others. */
static void
put_piece(struct stream *st, uint32_t i)
{
	if (i % 8 == 3)
		put_fds(st);
	switch (i * i % 11 % 6) {
	case 0:
		put_room(st, 1 + i % 90);
		break;
	case 1:
		put_chunk(st, 1 + i * 13 % 3000, true);
		break;
	case 2:
		put_halves(st, OUTBOX_REFERENCE + i);
		break;
	case 3:
		put_chunk(st, OUTBOX_REFERENCE - 1, false);
		break;
	case 4:
		put_chunk(st, 100 + i * 517 % 20000, false);
		break;
	default:
		put_room(st, 1 + i % 5);
		break;
	}
	if (i % 40 == 20)
		put_chunk(st, 300 * KIB + i, i % 80 == 20);
}

/* These are the descriptors that go with the place. */
static void
check_fds(const struct stream *st, const int *fds, size_t n)
{
	struct stat file;

	assert_true(st->fds_seen < st->n_fds);
	assert_int_equal(st->fd_at[st->fds_seen], st->pos);
	assert_int_equal(n, 1 + st->fds_seen % 2);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(fstat(fds[i], &file), 0);
		assert_int_equal(file.st_size, 100 * st->fds_seen + i);
		close(fds[i]);
	}
}

/*
 * Reads some of it. A read ends before each place that descriptors go with, so
 * that they can be seen to come with that very byte.
 */
static ssize_t
stream_read(struct stream *st, size_t most)
{
	static uint8_t bytes[OUT_STEP];
	int fds[FDPASS_MAX];
	ssize_t got;
	size_t n;

	if (st->fds_seen < st->n_fds && st->fd_at[st->fds_seen] > st->pos &&
	    st->fd_at[st->fds_seen] - st->pos < most)
		most = st->fd_at[st->fds_seen] - st->pos;
	got =
	    fdpass_receive(st->side->peer, bytes, most, fds, &n, MSG_DONTWAIT);
	if (got <= 0)
		return got;
	if (n > 0) {
		check_fds(st, fds, n);
		st->fds_seen++;
	}
	for (size_t i = 0; i < (size_t)got; i++)
		assert_int_equal(bytes[i], stream_byte(st->pos + i));
	st->pos += (size_t)got;
	return got;
}

static void
read_slowly(struct world *w)
{
	struct stream *st = w->user;

	tick(w);
	if (st->reads)
		stream_read(st, OUT_STEP);
	w->loop.stop =
	    st->pos == st->len && w->a.conn.out.bytes == 0 && w->turns > 1;
}

static uint32_t
open_fds(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
check_stream(const struct world *w, const struct stream *st)
{
	assert_int_equal(st->pos, st->len);
	assert_int_equal(st->fds_seen, st->n_fds);
	assert_int_equal(w->loop.out_bytes, 0);
	assert_int_equal(w->a.conn.out.n, 0);
	assert_null(w->a.conn.out.flat);
}

/* All that was put out at once comes whole and in order to a slow reader. */
static void
test_output(void **state)
{
	struct world *w = *state;
	struct stream st = {.side = &w->a, .reads = true};
	uint32_t before = open_fds();

	w->user = &st;
	for (uint32_t i = 0; i < OUT_ROUNDS; i++)
		put_piece(&st, i);
	assert_true(st.n_fds <= OUT_FDSETS && st.n_fds > 10);
	assert_int_equal(w->loop.out_bytes, st.len);
	run(w, read_slowly);
	check_stream(w, &st);
	assert_int_equal(open_fds(), before);
	assert_non_null(strchr(w->a.events, 'k')); /* the socket was full */
	assert_int_equal(w->a.events[w->a.n_events - 1], 's');
}

/* The same while it is read from: a piece in each turn. */
static void
put_slowly(struct world *w)
{
	struct stream *st = w->user;

	if (st->round < OUT_ROUNDS) {
		put_piece(st, st->round++);
		st->reads = st->round > 30;
	}
	read_slowly(w);
	w->loop.stop = w->loop.stop && st->round == OUT_ROUNDS;
}

static void
test_output_meanwhile(void **state)
{
	struct world *w = *state;
	struct stream st = {.side = &w->a};
	uint32_t before = open_fds();

	w->user = &st;
	tick(w);
	run(w, put_slowly);
	check_stream(w, &st);
	assert_int_equal(open_fds(), before);
}

/*
 * A peer that does not read for a while: the little that is left when its
 * socket is full moves to a chunk as small as it can be, and stays whole.
 */
static void
put_little(struct world *w)
{
	struct stream *st = w->user;
	struct outbox *q = &w->a.conn.out;

	if (!st->reads) {
		/* In the turn before, all of this was tried to send. */
		if (q->bytes > 0 && q->bytes <= 3000) {
			assert_int_equal(q->n, 1);
			assert_null(q->flat);
			assert_true(q->pieces[q->head].chunk->cap < CHUNK_READ);
			put_room(st, 50);
			put_chunk(st, 2000, true);
			st->reads = true;
		} else {
			put_room(st, 1000);
		}
	}
	read_slowly(w);
	w->loop.stop = w->loop.stop && st->reads;
}

static void
test_output_settles(void **state)
{
	struct world *w = *state;
	struct stream st = {.side = &w->a};

	w->user = &st;
	tick(w);
	run(w, put_little);
	check_stream(w, &st);
}

/* Closed with output and descriptors that nobody took: none of it stays. */
static void
test_close_with_output(void **state)
{
	struct world *w = *state;
	struct stream st = {.side = &w->a};
	struct chunk *chunk = chunk_new(600 * KIB);
	uint32_t before = open_fds();

	assert_int_equal(conn_add(&w->a.conn, chunk->bytes, chunk->cap, chunk),
	    0);
	put_fds(&st);
	put_room(&st, 10);
	put_fds(&st); /* with a byte that never comes */
	run(w, one_turn);
	assert_int_equal(chunk->refs, 2);
	assert_int_equal(open_fds(), before + 3);
	conn_close(&w->a.conn);
	loop_flush(&w->loop);
	assert_int_equal(chunk->refs, 1);
	assert_int_equal(open_fds(), before - 1);
	assert_int_equal(w->loop.out_bytes, 0);
	chunk_unref(chunk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_share),
	    TEST(test_exact_share),
	    TEST(test_changed_share),
	    TEST(test_closed_behind),
	    TEST(test_half_closed_behind),
	    TEST(test_cut_message),
	    TEST(test_share_of_output),
	    TEST(test_readable_meanwhile),
	    TEST(test_ceaseless),
	    TEST(test_pause),
	    TEST(test_pause_often),
	    TEST(test_pause_closed_behind),
	    TEST(test_close_with_rest),
	    TEST(test_read_rest),
	    TEST(test_fds),
	    TEST(test_fds_with_parts),
	    TEST(test_fds_left),
	    TEST(test_fds_over_turns),
	    TEST(test_fds_left_over_turns),
	    TEST(test_fds_not_taken),
	    TEST(test_output),
	    TEST(test_output_meanwhile),
	    TEST(test_output_settles),
	    TEST(test_close_with_output),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}
