/* What is read comes in turns, whole and in order. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/world.h"

/* A turn hands out its share; the rest comes though nobody writes any more. */
static void
test_share(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_run(w, world_all_taken);
	world_check_messages(&w->a, MANY);
	assert_int_equal(w->a.most, FRAMES);
	assert_int_equal(w->turns, MANY / FRAMES + 1);
	assert_int_equal(w->a.conn.holds, 0);
	assert_null(w->a.conn.in);
	/* And it is read from as before. */
	world_write(&w->a, 3);
	world_run(w, world_all_taken);
	world_check_messages(&w->a, MANY + 3);
	assert_int_equal(w->turns, 1);
}

/* A whole share leaves nothing for a turn that would not come. */
static void
test_exact_share(void **state)
{
	struct world *w = *state;

	world_write(&w->a, FRAMES);
	world_run(w, world_all_taken);
	assert_int_equal(w->turns, 1);
	assert_int_equal(w->a.conn.holds, 0);
	assert_true(TAILQ_EMPTY(&w->loop.ready_free));
}

/* The share can change from turn to turn. */
static void
test_changed_share(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	w->loop.turn_frames = 2;
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, FRAMES + 2);
	w->loop.turn_frames = MANY;
	world_run(w, world_one_turn);
	world_check_messages(&w->a, MANY);
}

/* What the peer wrote before it closed comes first, in turns; then EOF. */
static void
test_closed_behind(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_hang_up(&w->a);
	world_run(w, world_ended);
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

	world_write(&w->a, FRAMES);
	world_write_part(&w->a, w->a.sent, 0, 4, NULL, 0);
	shutdown(w->a.peer, SHUT_WR);
	world_run(w, world_ended);
	assert_int_equal(w->a.taken, FRAMES);
	assert_string_equal(w->a.events + FRAMES, "e");
}

/* A message that is cut where a turn ends goes on when its rest comes. */
static void
test_cut_message(void **state)
{
	struct world *w = *state;
	uint32_t id = FRAMES;

	world_write(&w->a, FRAMES);
	world_write_part(&w->a, id, 0, 4, NULL, 0);
	world_run_five(w);
	world_check_messages(&w->a, FRAMES);
	world_write_part(&w->a, id, 4, SIZE_MAX, NULL, 0);
	w->a.sent++;
	world_run(w, world_all_taken);
	world_check_messages(&w->a, FRAMES + 1);
}

/* Messages that are answered with much have a smaller share. */
static void
test_share_of_output(void **state)
{
	struct world *w = *state;

	w->a.answer = chunk_new(LOOP_OUTPUT / 2 - KIB);
	world_write(&w->a, FRAMES);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, 3); /* the share, and what passes it */
	world_write(&w->a, 1); /* is not read while some are left */
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, 6);
	conn_drop_output(&w->a.conn);
	conn_close(&w->a.conn);
	loop_flush(&w->loop);
	assert_int_equal(w->a.answer->refs, 1);
	chunk_unref(w->a.answer);
	world_run_five(w);
	assert_int_equal(w->a.taken, 6); /* nothing of a closed connection */
}

static void
add_metered_side(struct world *w)
{
	w->has_b = true;
	world_add_side(w, &w->b);
	w->a.conn.metered = w->b.conn.metered = true;
}

/* Several that have much left share what one may have of a turn, one by one. */
static void
test_share_of_all(void **state)
{
	struct world *w = *state;

	add_metered_side(w);
	w->loop.turn_frames = LOOP_FRAMES;
	world_write(&w->a, 4 * LOOP_FRAMES - 1);
	world_write(&w->b, 4 * LOOP_FRAMES - 1);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, LOOP_FRAMES);
	assert_int_equal(w->b.taken, LOOP_FRAMES);
	for (uint32_t i = 2; i < 4; i++) {
		world_run(w, world_one_turn);
		assert_int_equal(w->a.taken, i * LOOP_FRAMES);
		assert_int_equal(w->b.taken, (i - 1) * LOOP_FRAMES);
		world_run(w, world_one_turn);
		assert_int_equal(w->a.taken, i * LOOP_FRAMES);
		assert_int_equal(w->b.taken, i * LOOP_FRAMES);
	}
	world_run(w, world_all_taken);
}

/* Those that are not metered have all their own share, in every turn. */
static void
test_share_of_others(void **state)
{
	struct world *w = *state;

	add_metered_side(w);
	w->b.conn.metered = false;
	w->loop.turn_frames = LOOP_FRAMES;
	world_write(&w->a, 3 * LOOP_FRAMES);
	world_write(&w->b, 3 * LOOP_FRAMES);
	for (uint32_t i = 1; i < 4; i++) {
		world_run(w, world_one_turn);
		assert_int_equal(w->a.taken, i * LOOP_FRAMES);
		assert_int_equal(w->b.taken, i * LOOP_FRAMES);
	}
}

/* The same of what they are answered. */
static void
test_share_of_all_output(void **state)
{
	struct world *w = *state;

	add_metered_side(w);
	w->a.answer = w->b.answer = chunk_new(LOOP_OUTPUT);
	world_write(&w->a, FRAMES);
	world_write(&w->b, FRAMES);
	world_run(w, world_one_turn);
	for (uint32_t i = 2; i < FRAMES; i++) {
		world_run(w, world_one_turn);
		assert_int_equal(w->a.taken, i);
		assert_int_equal(w->b.taken, i - 1);
		world_run(w, world_one_turn);
		assert_int_equal(w->a.taken, i);
		assert_int_equal(w->b.taken, i);
	}
	conn_close(&w->a.conn);
	conn_close(&w->b.conn);
	loop_flush(&w->loop);
	assert_int_equal(w->a.answer->refs, 1);
	chunk_unref(w->a.answer);
}

/* As long as one connection has messages left, the peer of it writes. */
static void
write_more(struct world *w)
{
	if (w->turns < 20)
		world_write(&w->a, 1);
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

	world_write(&w->a, 20 * FRAMES);
	world_run(w, write_more);
	world_check_messages(&w->a, 20 * FRAMES + 19);
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

	world_add_side(w, &w->b);
	w->has_b = true;
	w->b.replies = true;
	world_write(&w->b, 1);
	world_write(&w->a, MANY);
	world_run(w, world_all_taken);
	world_check_messages(&w->a, MANY);
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

	world_write(&w->a, MANY);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	conn_pause(&w->a.conn);
	world_write(&w->a, 10);
	world_run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	conn_resume(&w->a.conn);
	world_run(w, world_all_taken);
	world_check_messages(&w->a, MANY + 10);
	assert_int_equal(w->a.most, FRAMES);
}

/* Pauses and resumes in the middle of all that, and twice. */
static void
pause_often(struct world *w)
{
	struct conn *c = &w->a.conn;

	world_tick(w);
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
		world_write(&w->a, 2);
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

	world_write(&w->a, MANY);
	world_run(w, pause_often);
	conn_resume(&w->a.conn);
	world_run(w, world_all_taken);
	world_check_messages(&w->a, w->a.sent);
	assert_int_equal(w->a.most, 0); /* all were handed out before */
}

/* Pauses that end with the messages, and the peer gone behind them. */
static void
test_pause_closed_behind(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_hang_up(&w->a);
	world_run(w, world_one_turn);
	conn_pause(&w->a.conn);
	world_run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	assert_false(w->a.conn.ended);
	conn_resume(&w->a.conn);
	world_run(w, world_ended);
	assert_int_equal(w->a.taken, MANY);
	assert_string_equal(w->a.events + MANY, "e");
}

/* Closed with messages left: none of them comes any more. */
static void
test_close_with_rest(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_run(w, world_one_turn);
	conn_close(&w->a.conn);
	world_run_five(w);
	assert_int_equal(w->a.taken, FRAMES);
	assert_string_equal(w->a.events + FRAMES, "r");
	assert_int_equal(w->turns, 5);
}

/* All at once of a peer that is dead: the share does not count. */
static void
test_read_rest(void **state)
{
	struct world *w = *state;

	world_write(&w->a, MANY);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	world_write(&w->a, MANY);
	world_hang_up(&w->a);
	conn_read_rest(&w->a.conn);
	assert_int_equal(w->a.taken, 2 * MANY);
	assert_string_equal(w->a.events + 2 * MANY, "e");
}

/* Writes part of a message with n new files of the sizes size, size + 1... */
static void
write_with_files(struct side *s, uint32_t id, size_t from, size_t to, size_t n,
    uint32_t size)
{
	int fds[FDPASS_MAX];

	for (size_t i = 0; i < n; i++)
		fds[i] = world_file(size + (uint32_t)i);
	world_write_part(s, id, from, to, fds, n);
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
	world_run_five(w);
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
	world_run_five(w);
	check_events(s, "f");
	world_write_part(s, OWNS_FD, 3, 5, NULL, 0);
	world_run_five(w);
	check_events(s, "f");
	world_write_part(s, OWNS_FD, 5, SIZE_MAX, NULL, 0);
	world_run_five(w);
	check_events(s, "fm");
	world_write_part(s, OWNS_FD + 1, 0, 3, NULL, 0);
	world_run_five(w);
	write_with_files(s, OWNS_FD + 1, 3, SIZE_MAX, 1, 21);
	world_run_five(w);
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
	world_run_five(w);
	check_events(s, "fml");
	assert_int_equal(s->fd_sizes[0], 30);
	/* Also when more was written behind: a read ends at descriptors. */
	write_with_files(s, OWNS_FD + 1, 0, SIZE_MAX, 2, 31);
	world_write_part(s, OWNS_FD + 2, 0, 2, NULL, 0);
	world_run_five(w);
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
		fds[i] = world_file(40 + (uint32_t)i);
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
	world_run_five(w);
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
	world_run(w, world_one_turn);
	check_events(s, "fmmmmmmmm");
	world_run_five(w);
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
	world_write_part(&w->a, 0, 0, SIZE_MAX, &pipefd[1], 1);
	close(pipefd[1]);
	w->a.sent = 1;
	world_run(w, world_all_taken);
	world_check_messages(&w->a, 1);
	assert_int_equal(read(pipefd[0], &byte, 1), 0);
	close(pipefd[0]);
}

static void
b_has_one_more(struct world *w)
{
	w->loop.stop = w->b.taken == FRAMES + 2;
}

/*
 * Another connection takes over amid a turn: what was read and not handed out,
 * part of a message too, and what was not sent.
 */
static void
test_inherit(void **state)
{
	struct world *w = *state;
	char said[8];

	world_write(&w->a, FRAMES + 1);
	world_write_part(&w->a, FRAMES + 1, 0, 4, NULL, 0);
	world_run(w, world_one_turn);
	assert_int_equal(w->a.taken, FRAMES);
	assert_int_equal(conn_copy(&w->a.conn, "unsent", 6), 0);
	world_add_side(w, &w->b);
	w->has_b = true;
	w->b.taken = FRAMES; /* where the msgids go on */
	conn_inherit(&w->b.conn, &w->a.conn);
	conn_close(&w->a.conn);
	world_write_part(&w->b, FRAMES + 1, 4, SIZE_MAX, NULL, 0);
	world_run(w, b_has_one_more);
	loop_flush(&w->loop);
	assert_int_equal(w->a.taken, FRAMES);
	assert_int_equal(w->a.events[w->a.n_events - 1], 'r');
	assert_int_equal(read(w->b.peer, said, sizeof said), 6);
	assert_memory_equal(said, "unsent", 6);
	assert_int_equal(w->loop.out_bytes, 0);
	assert_int_equal(w->b.conn.holds, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(test_share),
	    WORLD_TEST(test_exact_share),
	    WORLD_TEST(test_changed_share),
	    WORLD_TEST(test_closed_behind),
	    WORLD_TEST(test_half_closed_behind),
	    WORLD_TEST(test_cut_message),
	    WORLD_TEST(test_share_of_output),
	    WORLD_TEST(test_share_of_all),
	    WORLD_TEST(test_share_of_all_output),
	    WORLD_TEST(test_share_of_others),
	    WORLD_TEST(test_readable_meanwhile),
	    WORLD_TEST(test_ceaseless),
	    WORLD_TEST(test_pause),
	    WORLD_TEST(test_pause_often),
	    WORLD_TEST(test_pause_closed_behind),
	    WORLD_TEST(test_close_with_rest),
	    WORLD_TEST(test_read_rest),
	    WORLD_TEST(test_fds),
	    WORLD_TEST(test_fds_with_parts),
	    WORLD_TEST(test_fds_left),
	    WORLD_TEST(test_fds_over_turns),
	    WORLD_TEST(test_fds_left_over_turns),
	    WORLD_TEST(test_fds_not_taken),
	    WORLD_TEST(test_inherit),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}
