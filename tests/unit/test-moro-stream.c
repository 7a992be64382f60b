/* What can happen to libmoro's byte stream, and to programs in callbacks. */

#include "tests/unit/peer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUGE_LEN ((size_t)32 << 20)
#define ECHO_HEAD 15 /* bytes of [0, n, "debug:echo", [ */
#define BIN_HEAD 5 /* bytes of a long bin's header */
#define ENOUGH 64 /* answers that a test looks at */

/* What callbacks have seen. */
struct seen {
	int n;
	enum moro_code codes[ENOUGH];
	char texts[ENOUGH][16];
	struct peer *peer;
	int to_submit;
};

/* Notes an answer. */
static void
note(struct seen *s, const struct moro_reply *reply)
{
	const char *text = moro_reply_text(reply, NULL);

	assert_true(s->n < ENOUGH);
	s->codes[s->n] = moro_reply_code(reply);
	snprintf(s->texts[s->n], sizeof s->texts[0], "%s",
	    text != NULL ? text : "");
	s->n++;
}

static void
note_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	(void)m;
	note(user, reply);
	moro_reply_free(reply);
}

/* Answers that arrive cut at every byte are the same answers. */
static void
test_split(void **state)
{
	struct peer *p = *state;
	uint8_t bytes[64];

	for (size_t cut = 1; cut < 20; cut++) {
		struct seen s = {.n = 0};
		uint64_t a = peer_submit(p->m, "a", note_cb, &s);
		uint64_t b = peer_submit(p->m, "b", note_cb, &s);
		size_t len = peer_pack(bytes, a, "first");

		len += peer_pack(bytes + len, b, "second");
		if (cut >= len)
			break;
		peer_write(p, bytes, cut);
		moro_dispatch(p->m);
		peer_write(p, bytes + cut, len - cut);
		moro_dispatch(p->m);
		assert_int_equal(s.n, 2);
		assert_string_equal(s.texts[0], "first");
		assert_string_equal(s.texts[1], "second");
	}
}

/* One byte at a time gives an answer with the last one, not before. */
static void
test_byte_by_byte(void **state)
{
	struct peer *p = *state;
	struct seen s = {.n = 0};
	uint8_t bytes[64];
	size_t len =
	    peer_pack(bytes, peer_submit(p->m, "a", note_cb, &s), "slow");

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(s.n, 0);
		peer_write(p, bytes + i, 1);
		assert_int_equal(moro_dispatch(p->m), i + 1 == len ? 1 : 0);
	}
	assert_string_equal(s.texts[0], "slow");
}

/* A server lost in mid-answer: one answer each, then one clear error. */
static void
test_lost(void **state)
{
	struct peer *p = *state;
	struct seen s = {.n = 0};
	uint64_t kept;
	uint8_t bytes[64];
	size_t len;

	peer_submit(p->m, "a", note_cb, &s);
	kept = peer_submit(p->m, "b", NULL, NULL);
	peer_submit(p->m, "c", note_cb, &s);
	moro_dispatch(p->m);
	len = peer_pack(bytes, PEER_FIRST, "answer");
	peer_answer(p, PEER_FIRST, "whole");
	peer_write(p, bytes, len - 1);
	peer_hang_up(p);
	while (moro_dispatch(p->m) >= 0)
		;
	assert_int_equal(s.n, 2);
	assert_string_equal(s.texts[0], "whole");
	assert_int_equal(s.codes[1], MORO_LOST);
	assert_non_null(strstr(moro_errstr(p->m), "middle of an answer"));
	peer_expect_error(moro_wait(p->m, kept, 0), MORO_LOST);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(peer_submit(p->m, "d", note_cb, &s), 0);
		assert_int_equal(moro_error(p->m), MORO_LOST);
		peer_expect_error(moro_ping(p->m), MORO_LOST);
		assert_int_equal(moro_dispatch(p->m), -1);
	}
	assert_int_equal(moro_fd(p->m), -1);
	assert_int_equal(moro_events(p->m), 0);
	assert_int_equal(s.n, 2);
}

/* A server that is gone before anything is written: no SIGPIPE, LOST. */
static void
test_lost_write(void **state)
{
	struct peer *p = *state;

	peer_hang_up(p);
	peer_expect_error(moro_ping(p->m), MORO_LOST);
	peer_expect_error(moro_ping(p->m), MORO_LOST);
}

/* A handle that lost its server can be connected again. */
static void
test_reconnect(void **state)
{
	struct peer *p = *state;

	peer_hang_up(p);
	peer_expect_error(moro_ping(p->m), MORO_LOST);
	peer_connect(p, PEER_FIRST + 1);
	assert_int_equal(moro_error(p->m), MORO_OK);
	peer_submit(p->m, "x", NULL, NULL);
	moro_close(p->m);
	assert_int_equal(moro_error(p->m), MORO_CLOSED);
	peer_expect_error(moro_ping(p->m), MORO_CLOSED);
}

/* Bytes that are no answer end the connection with GARBLED. */
static void
test_garbage(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	    {"HTTP/1.1 400 Bad Request\r\n", 26},
	    {"\xc1", 1},
	    {"\x95\x01\x02\xc0\xc0\xc0", 6},
	    {"\x94\x01\x02\xc0\xdd\xff\xff\xff\xff", 9},
	    {"\x94\x01\x63\xc0\xc0", 5},
	    {"\x94\x01\x00\xaePROTOCOL_ERROR\xc0", 19},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct peer p;

		peer_open(&p);
		peer_write(&p, rows[i].bytes, rows[i].len);
		peer_expect_error(moro_ping(p.m), MORO_GARBLED);
		peer_expect_error(moro_ping(p.m), MORO_GARBLED);
		peer_close(&p);
	}
}

/* News that nobody asked for are passed over. */
static void
test_notification(void **state)
{
	struct peer *p = *state;

	peer_write(p, "\x93\x02\xa4news\x90", 8);
	peer_answer(p, PEER_FIRST, "pong");
	peer_expect(moro_ping(p->m), "pong");
}

/* Submits the next request while there are some to do. */
static void
chain_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct seen *s = user;

	note(s, reply);
	moro_reply_free(reply);
	if (s->to_submit-- > 0)
		assert_true(peer_submit(m, "next", chain_cb, s) != 0);
}

/* A callback may submit more, and their answers may be there already. */
static void
test_callback_submits(void **state)
{
	struct peer *p = *state;
	struct seen s = {.to_submit = 9};
	uint64_t first = peer_submit(p->m, "x", chain_cb, &s);

	for (uint64_t i = 0; i < 10; i++)
		peer_answer(p, first + i, "y");
	assert_int_equal(moro_dispatch(p->m), 10);
	assert_int_equal(s.n, 10);
	assert_int_equal(moro_outstanding(p->m), 0);
}

/* Calls and waits inside a callback. */
static void
nested_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct seen *s = user;

	note(s, reply);
	moro_reply_free(reply);
	peer_expect(moro_ping(m), "inner");
}

static void
test_callback_calls(void **state)
{
	struct peer *p = *state;
	struct seen s = {.n = 0};

	peer_submit(p->m, "a", nested_cb, &s); /* 2 */
	peer_submit(p->m, "b", note_cb, &s); /* 3 */
	peer_answer(p, PEER_FIRST, "outer");
	peer_answer(p, PEER_FIRST + 1, "other");
	peer_answer(p, PEER_FIRST + 3, "inner"); /* 4 is the call below */
	peer_answer(p, PEER_FIRST + 2, "pong");
	peer_expect(moro_ping(p->m), "pong");
	assert_int_equal(s.n, 2);
	assert_string_equal(s.texts[0], "outer");
	assert_string_equal(s.texts[1], "other");
}

static void
close_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	note(user, reply);
	moro_reply_free(reply);
	moro_close(m);
}

/* A callback may close: the others get CLOSED, once each. */
static void
test_callback_closes(void **state)
{
	struct peer *p = *state;
	struct seen s = {.n = 0};

	peer_submit(p->m, "a", close_cb, &s);
	peer_submit(p->m, "b", note_cb, &s);
	peer_submit(p->m, "c", close_cb, &s);
	peer_answer(p, PEER_FIRST, "a");
	peer_answer(p, PEER_FIRST + 1, "b");
	peer_expect_error(moro_ping(p->m), MORO_CLOSED);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.codes[0], MORO_OK);
	assert_int_equal(s.codes[1], MORO_CLOSED);
	assert_int_equal(s.codes[2], MORO_CLOSED);
}

static void
free_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	note(user, reply);
	moro_reply_free(reply);
	moro_free(m);
}

/* A callback may free the connection, in dispatch and in a call. */
static void
test_callback_frees(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct seen s = {.n = 0};
		struct peer p;

		peer_open(&p);
		peer_submit(p.m, "a", free_cb, &s);
		peer_submit(p.m, "b", note_cb, &s);
		peer_submit(p.m, "c", NULL, NULL);
		peer_answer(&p, PEER_FIRST, "a");
		if (i == 0)
			moro_dispatch(p.m);
		else
			peer_expect_error(moro_ping(p.m), MORO_CLOSED);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.codes[1], MORO_CLOSED);
		p.m = NULL;
		peer_close(&p);
	}
}

/* Connects again as soon as the connection is lost. */
static void
again_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct seen *s = user;

	note(s, reply);
	moro_reply_free(reply);
	if (s->n > 1)
		return;
	peer_connect(s->peer, PEER_FIRST + 3);
	assert_true(peer_submit(m, "again", note_cb, s) != 0);
}

/* Requests of the new connection are not answered by the old one's end. */
static void
test_callback_reconnects(void **state)
{
	struct peer *p = *state;
	struct seen s = {.peer = p};
	uint64_t kept, again;

	peer_submit(p->m, "a", again_cb, &s);
	kept = peer_submit(p->m, "b", NULL, NULL);
	peer_submit(p->m, "c", note_cb, &s);
	moro_dispatch(p->m);
	peer_hang_up(p);
	moro_dispatch(p->m);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.codes[1], MORO_LOST);
	peer_expect_error(moro_wait(p->m, kept, 0), MORO_LOST);
	assert_int_equal(moro_outstanding(p->m), 1);
	again = PEER_FIRST + 4; /* after three requests and a greeting */
	peer_answer(p, again, "new");
	assert_int_equal(moro_dispatch(p->m), 1);
	assert_string_equal(s.texts[2], "new");
}

/* Notes what an event loop would be told. */
static void
events_cb(struct moro *m, int events, void *user)
{
	int *told = user;

	assert_int_equal(events, moro_events(m));
	/* the descriptor is open still when it is to be let go of */
	assert_true(moro_fd(m) >= 0);
	*told = events;
}

/* Event loops are told of every change, before the descriptor is closed. */
static void
test_events(void **state)
{
	struct peer *p = *state;
	int told = -1;

	moro_on_events(p->m, events_cb, &told);
	assert_int_equal(moro_events(p->m), MORO_READ);
	peer_submit(p->m, "a", NULL, NULL);
	assert_int_equal(told, MORO_READ | MORO_WRITE);
	moro_dispatch(p->m);
	assert_int_equal(told, MORO_READ);
	moro_close(p->m);
	assert_int_equal(told, 0);
	peer_connect(p, PEER_FIRST + 1);
	assert_int_equal(told, MORO_READ);
	moro_on_events(p->m, NULL, NULL);
	moro_close(p->m);
	assert_int_equal(told, MORO_READ);
}

/* Many requests at once, answered last to first. */
static void
test_many(void **state)
{
	enum { MANY = 4096 };
	struct peer *p = *state;
	uint64_t first = 0;
	uint8_t *bytes = malloc((size_t)MANY * 32);
	size_t len = 0;

	for (int i = 0; i < MANY; i++) {
		uint64_t n = peer_submit(p->m, "x", NULL, NULL);

		first = first == 0 ? n : first;
		assert_int_equal(n, first + (uint64_t)i);
	}
	for (int i = MANY; i-- > 0;) {
		len = peer_pack(bytes, first + (uint64_t)i, "y");
		peer_write(p, bytes, len);
		if (i % 64 == 0)
			moro_dispatch(p->m);
	}
	assert_int_equal(moro_outstanding(p->m), 0);
	for (int i = 0; i < MANY; i++)
		peer_expect(moro_wait(p->m, first + (uint64_t)i, 0), "y");
	free(bytes);
}

/* Writes everything. */
static void
write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		bytes += n;
		len -= (size_t)n;
	}
}

/* Makes [1, number, nil, bin of len zeros]; the caller frees it. */
static uint8_t *
pack_huge(uint64_t number, size_t len, size_t *size)
{
	uint8_t *bytes = calloc(1, len + 9);

	bytes[0] = 0x94;
	bytes[1] = 1;
	bytes[2] = (uint8_t)number;
	bytes[3] = 0xc0;
	bytes[4] = 0xc6;
	for (int i = 0; i < 4; i++)
		bytes[5 + i] = (uint8_t)(len >> (24 - 8 * i));
	*size = len + 9;
	return bytes;
}

/*
 * A server that writes the whole of one answer before it reads the next
 * request.
 */
static void *
stubborn_main(void *user)
{
	struct peer *p = user;
	uint8_t first[ECHO_HEAD + 2], *huge; /* the text is "a" */
	size_t size, total = ECHO_HEAD + BIN_HEAD + HUGE_LEN;
	uint8_t *request = malloc(total);

	peer_read_all(p->fd, first, sizeof first);
	huge = pack_huge(PEER_FIRST, HUGE_LEN, &size);
	write_all(p->fd, huge, size);
	peer_read_all(p->fd, request, total);
	huge[2] = PEER_FIRST + 1;
	write_all(p->fd, huge, size);
	free(huge);
	free(request);
	return NULL;
}

/* Huge messages in both directions at once do not block each other. */
static void
test_huge_both_ways(void **state)
{
	struct peer p;
	pthread_t thread;
	struct moro_reply *r;
	uint8_t *data = calloc(1, HUGE_LEN + BIN_HEAD);
	uint64_t a, b;
	size_t len;

	(void)state;
	data[0] = 0xc6;
	for (int i = 0; i < 4; i++)
		data[1 + i] = (uint8_t)(HUGE_LEN >> (24 - 8 * i));
	/* the peer's limit is too small for this: a greeting without limits */
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p.fd = pair[1];
	p.m = moro_new();
	peer_write(&p, "\x94\x01\x01\xc0\x80", 5);
	assert_int_equal(moro_connect_fd(p.m, pair[0]), 0);
	uint8_t hello[4096];
	assert_true(peer_read(&p, hello, sizeof hello) > 0);
	a = peer_submit(p.m, "a", NULL, NULL);
	b = moro_submit(p.m, "debug:echo", data, HUGE_LEN + BIN_HEAD, NULL,
	    NULL, NULL);
	assert_true(a != 0 && b != 0);
	assert_int_equal(pthread_create(&thread, NULL, stubborn_main, &p), 0);
	r = moro_wait(p.m, b, 60000);
	assert_true(moro_reply_ok(r));
	assert_non_null(moro_reply_text(r, &len));
	assert_int_equal(len, HUGE_LEN);
	moro_reply_free(r);
	r = moro_wait(p.m, a, 0);
	assert_true(moro_reply_ok(r));
	moro_reply_free(r);
	pthread_join(thread, NULL);
	peer_close(&p);
	free(data);
}

/* Large and small answers in one stream keep their bytes apart. */
static void
test_large_mixed(void **state)
{
	enum { ROUNDS = 8 };
	struct peer *p = *state;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t a = peer_submit(p->m, "a", NULL, NULL);
		uint64_t b = peer_submit(p->m, "b", NULL, NULL);
		size_t size, small_len, len = (40u << 10) + i * (8u << 10);
		uint8_t *huge = pack_huge(a, len, &size);
		uint8_t small[64];
		struct moro_reply *r;

		memset(huge + 9, (int)i + 1, len);
		small_len = peer_pack(small, b, "small");
		huge = realloc(huge, size + small_len);
		memcpy(huge + size, small, small_len);
		peer_write(p, huge, size + small_len);
		peer_expect(moro_wait(p->m, b, 1000), "small");
		r = moro_wait(p->m, a, 0);
		assert_memory_equal(moro_reply_text(r, NULL), huge + 9, len);
		assert_int_equal(moro_reply_text(r, NULL)[len], 0);
		moro_reply_free(r);
		free(huge);
	}
}

/* A connection that cannot be made says why, and so does every call. */
static void
test_no_server(void **state)
{
	char long_path[200];
	struct moro *m = moro_new();

	(void)state;
	peer_expect_error(moro_ping(m), MORO_CLOSED);
	assert_int_equal(moro_connect(m, "/nonexistent/morod.sock"), -1);
	assert_int_equal(moro_error(m), MORO_NO_SERVER);
	assert_non_null(strstr(moro_errstr(m), "/nonexistent/morod.sock"));
	peer_expect_error(moro_ping(m), MORO_NO_SERVER);
	assert_int_equal(moro_start(m, "/dev/null"), -1);
	assert_int_equal(moro_error(m), MORO_NO_SERVER);
	memset(long_path, 'x', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(moro_connect(m, long_path), -1);
	peer_expect_error(moro_ping(m), MORO_NO_SERVER);
	moro_free(m);
}

/* A server that refuses the greeting, or never answers it. */
static void
test_bad_greeting(void **state)
{
	struct moro *m = moro_new();
	struct peer p = {.m = m};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p.fd = pair[1];
	peer_refuse(&p, PEER_HELLO, "UNKNOWN_METHOD");
	assert_int_equal(moro_connect_fd(m, pair[0]), -1);
	assert_int_equal(moro_error(m), MORO_GARBLED);
	peer_hang_up(&p);
	moro_set_wait_ms(m, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(moro_connect_fd(m, pair[0]), -1);
	assert_int_equal(moro_error(m), MORO_NO_SERVER);
	close(pair[1]);
	moro_free(m);
}

/* The default path follows the environment. */
static void
test_default_path(void **state)
{
	char path[64];

	(void)state;
	setenv("MORO_SOCKET", "/a/b", 1);
	assert_int_equal(moro_default_path(path, sizeof path), 0);
	assert_string_equal(path, "/a/b");
	assert_int_equal(moro_default_path(path, 3), -1);
	unsetenv("MORO_SOCKET");
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	assert_int_equal(moro_default_path(path, sizeof path), 0);
	assert_string_equal(path,
	    geteuid() == 0 ? "/run/moro/morod.sock" : "/run/user/7/morod.sock");
}

int
main(void)
{
#define WITH_PEER(test) \
	cmocka_unit_test_setup_teardown(test, peer_setup, peer_teardown)
	const struct CMUnitTest tests[] = {
	    WITH_PEER(test_split),
	    WITH_PEER(test_byte_by_byte),
	    WITH_PEER(test_lost),
	    WITH_PEER(test_lost_write),
	    WITH_PEER(test_reconnect),
	    cmocka_unit_test(test_garbage),
	    WITH_PEER(test_notification),
	    WITH_PEER(test_callback_submits),
	    WITH_PEER(test_callback_calls),
	    WITH_PEER(test_callback_closes),
	    cmocka_unit_test(test_callback_frees),
	    WITH_PEER(test_callback_reconnects),
	    WITH_PEER(test_events),
	    WITH_PEER(test_many),
	    cmocka_unit_test(test_huge_both_ways),
	    WITH_PEER(test_large_mixed),
	    cmocka_unit_test(test_no_server),
	    cmocka_unit_test(test_bad_greeting),
	    cmocka_unit_test(test_default_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
