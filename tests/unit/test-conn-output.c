/* What is sent arrives whole and in order, whatever its shape. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/world.h"

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

/* A chunk in two pieces that follow one another, each with its reference. */
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
		fds[i] = world_file(100 * st->n_fds + i);
	fdset_count(n);
	set = fdset_new(fds, n);
	assert_non_null(set);
	conn_attach(&st->side->conn, set);
	fdset_unref(set);
	st->fd_at[st->n_fds++] = st->len;
}

/* The i-th piece of output; every kind stands behind every kind. */
static void
put_piece(struct stream *st, uint32_t i)
{
	if (i % 8 == 3)
		put_fds(st);
	switch ((i % 2 == 0 ? i / 2 : i / 12) % 6) {
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

	world_tick(w);
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
	world_run(w, read_slowly);
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
	world_tick(w);
	world_run(w, put_slowly);
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
	world_tick(w);
	world_run(w, put_little);
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
	world_run(w, world_one_turn);
	assert_int_equal(chunk->refs, 2);
	assert_int_equal(open_fds(), before + 3);
	conn_close(&w->a.conn);
	loop_flush(&w->loop);
	assert_int_equal(chunk->refs, 1);
	assert_int_equal(open_fds(), before - 1);
	assert_int_equal(w->loop.out_bytes, 0);
	chunk_unref(chunk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(test_output),
	    WORLD_TEST(test_output_meanwhile),
	    WORLD_TEST(test_output_settles),
	    WORLD_TEST(test_close_with_output),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	chunk_clear();
	return rc;
}
