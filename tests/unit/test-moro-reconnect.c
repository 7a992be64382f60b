/* libmoro makes a lost connection anew: what becomes of each request. */

#include "tests/unit/host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/handle.h"
#include "client/moro-event.h"

#define FIRST_MS 1
#define MAX_MS 4

/* Submits a task of the type "t", with options or none. */
static uint64_t
submit(struct host *h, const struct moro_options *o, struct ending *e)
{
	uint64_t number = moro_submit(h->peer.m, "t", "\x01", 1, o,
	    e == NULL ? NULL : host_ending_cb, e);

	assert_int_not_equal(number, 0);
	return number;
}

/* Options of a task that may run twice. */
static struct moro_options *
idempotent(void)
{
	struct moro_options *o = moro_options_new();

	moro_options_set_idempotent(o, 1);
	return o;
}

/* A client that comes back, and its first connection. */
static void
begin(struct host *h)
{
	assert_int_equal(moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 0), 0);
	host_begin(h);
	assert_true(moro_connected(h->peer.m));
}

/* A value of so many bytes, more than a socket takes at once; freed by who asks. */
static uint8_t *
large(size_t size)
{
	uint8_t *data = calloc(1, size);

	assert_non_null(data);
	data[0] = 0xc6; /* bytes, their length in four */
	data[1] = (uint8_t)((size - 5) >> 24);
	data[2] = (uint8_t)((size - 5) >> 16);
	data[3] = (uint8_t)((size - 5) >> 8);
	data[4] = (uint8_t)(size - 5);
	return data;
}

/* Hears the request of this number, and nothing before it. */
static void
hear(struct host *h, uint64_t number)
{
	assert_int_equal(host_hear(h), number);
}

/*
 * What was sent and may not run twice is lost at once; what may is sent again
 * under the same number; what was submitted meanwhile goes, too. One ending
 * each.
 */
static void
test_sorts(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending once = {0}, twice = {0}, later = {0};
	uint64_t a, b, c;

	begin(h);
	a = submit(h, NULL, &once);
	b = submit(h, o, &twice);
	hear(h, a);
	hear(h, b);
	host_hang_up(h);
	host_await(h, &once, 1);
	assert_int_equal(once.code, MORO_LOST);
	assert_string_equal(once.reason, "");
	assert_non_null(strstr(once.message, "may have run"));
	assert_non_null(strstr(once.message, h->path));
	assert_false(moro_connected(h->peer.m));
	assert_int_equal(moro_error(h->peer.m), MORO_LOST);
	c = submit(h, NULL, &later);
	assert_int_equal(moro_outstanding(h->peer.m), 2);
	host_accept(h);
	hear(h, b);
	hear(h, c);
	peer_answer(&h->peer, c, "c");
	peer_answer(&h->peer, b, "b");
	host_await(h, &twice, 1);
	host_await(h, &later, 1);
	assert_int_equal(twice.code, MORO_OK);
	assert_int_equal(later.code, MORO_OK);
	assert_int_equal(once.n, 1);
	assert_int_equal(moro_outstanding(h->peer.m), 0);
	assert_true(moro_connected(h->peer.m));
	assert_int_equal(moro_error(h->peer.m), MORO_OK);
	assert_true(host_silent(h));
	moro_options_free(o);
}

/* Without it, a loss ends the connection as ever, and says what ran. */
static void
test_off(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0}, unsent = {0};

	host_begin(h);
	hear(h, submit(h, o, &e));
	submit(h, o, &unsent);
	/* it is read before anything is written */
	peer_hang_up(&h->peer);
	moro_close(NULL);
	assert_null(moro_wait_any(h->peer.m, NULL, 0));
	moro_dispatch(h->peer.m);
	assert_int_equal(moro_dispatch(h->peer.m), -1);
	assert_int_equal(e.n, 1);
	assert_int_equal(e.code, MORO_LOST);
	assert_non_null(strstr(e.message, "may have run"));
	assert_int_equal(unsent.n, 1);
	assert_int_equal(unsent.code, MORO_LOST);
	assert_string_equal(unsent.reason, "unsent");
	assert_int_equal(moro_next_ms(h->peer.m), -1);
	moro_options_free(o);
}

/* Of what was not sent nothing is lost, may it run twice or not. */
static void
test_unsent(void **state)
{
	struct host *h = *state;
	struct ending e = {0};
	uint64_t number;

	begin(h);
	number = submit(h, NULL, &e);
	host_hang_up(h);
	host_accept(h);
	hear(h, number);
	peer_answer(&h->peer, number, "");
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_OK);
}

/* Half a request never runs: the error says so. */
static void
test_half_sent(void **state)
{
	struct host *h = *state;
	size_t size = PEER_FRAME - 100;
	uint8_t *data = large(size), byte;
	struct ending half = {0}, behind = {0};
	uint64_t number;

	begin(h);
	assert_int_not_equal(moro_submit(h->peer.m, "t", data, size, NULL,
				 host_ending_cb, &half),
	    0);
	number = submit(h, NULL, &behind);
	moro_dispatch(h->peer.m);
	peer_read_all(h->peer.fd, &byte, 1);
	host_hang_up(h);
	host_await(h, &half, 1);
	assert_int_equal(half.code, MORO_LOST);
	assert_string_equal(half.reason, "unsent");
	host_accept(h);
	hear(h, number);
	peer_answer(&h->peer, number, "");
	host_await(h, &behind, 1);
	assert_int_equal(behind.code, MORO_OK);
	free(data);
}

/* The new server is told what is left of the time, not the whole anew. */
static void
test_time_left(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0};
	uint64_t number, begun;

	begin(h);
	assert_int_equal(moro_options_set_timeout(o, 100000), 0);
	number = submit(h, o, &e);
	begun = host_now();
	hear(h, number);
	assert_int_equal(h->timeout, 100000);
	host_leave(h);
	host_hang_up(h);
	while (host_now() < begun + 20)
		host_turn(h);
	host_listen(h, 8);
	host_accept(h);
	hear(h, number);
	assert_in_range(h->timeout, 1, 100000 - 20);
	moro_options_free(o);
}

/* The same of a request that is older than the wish to come back. */
static void
test_time_left_late(void **state)
{
	struct host *h = *state;
	struct moro_options *o = moro_options_new();
	struct ending e = {0};
	uint64_t number;

	host_begin(h);
	assert_int_equal(moro_options_set_timeout(o, 100000), 0);
	number = submit(h, o, &e);
	moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 0);
	host_hang_up(h);
	host_accept(h);
	hear(h, number);
	assert_in_range(h->timeout, 50000, 100000);
	moro_options_free(o);
}

/* A task's own limits hold while nobody else is there to keep them. */
static void
test_timeout(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending all = {0}, queue = {0}, none = {0};
	uint64_t begun = host_now();

	begin(h);
	submit(h, o, &none);
	assert_int_equal(moro_options_set_timeout(o, 30), 0);
	submit(h, o, &all);
	assert_int_equal(moro_options_set_timeout(o, 0), 0);
	assert_int_equal(moro_options_set_queue_timeout(o, 40), 0);
	submit(h, o, &queue);
	host_hear(h);
	host_hear(h);
	host_hear(h);
	host_leave(h);
	host_hang_up(h);
	host_await(h, &all, 1);
	assert_int_equal(all.code, MORO_TIMEOUT);
	assert_non_null(strstr(all.message, "timeout of 30 ms"));
	assert_string_equal(all.reason, "queue");
	host_await(h, &queue, 1);
	assert_int_equal(queue.code, MORO_TIMEOUT);
	assert_non_null(strstr(queue.message, "queueTimeout of 40 ms"));
	assert_true(host_now() - begun >= 40);
	assert_int_equal(none.n, 0);
	moro_options_free(o);
}

/* A path that is gone and is made anew is found again. */
static void
test_path_anew(void **state)
{
	struct host *h = *state;
	struct ending e = {0};
	uint64_t number;

	begin(h);
	host_leave(h);
	host_hang_up(h);
	while (moro_error(h->peer.m) != MORO_NO_SERVER)
		host_turn(h);
	assert_non_null(strstr(moro_errstr(h->peer.m), h->path));
	number = submit(h, NULL, &e);
	host_listen(h, 8);
	host_accept(h);
	hear(h, number);
	peer_answer(&h->peer, number, "");
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_OK);
}

/* After the limit it is over: what was not sent never ran, and says so. */
static void
test_gives_up(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending sent = {0}, unsent = {0};

	assert_int_equal(moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 30),
	    0);
	host_begin(h);
	hear(h, submit(h, o, &sent));
	host_leave(h);
	host_hang_up(h);
	submit(h, NULL, &unsent);
	host_await(h, &sent, 1);
	host_await(h, &unsent, 1);
	assert_int_equal(sent.code, MORO_LOST);
	assert_non_null(strstr(sent.message, "gave up after 30 ms"));
	assert_non_null(strstr(sent.message, "may have run"));
	assert_int_equal(unsent.code, MORO_NO_SERVER);
	assert_int_equal(moro_dispatch(h->peer.m), -1);
	assert_int_equal(moro_next_ms(h->peer.m), -1);
	assert_int_equal(moro_submit(h->peer.m, "t", NULL, 0, NULL, NULL, NULL),
	    0);
	/* and it can be connected again */
	host_begin(h);
	moro_options_free(o);
}

/* What is cancelled while it waits here is answered, and never sent. */
static void
test_cancel_away(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending a = {0}, b = {0};
	struct moro_reply *word;
	uint64_t na, nb;

	begin(h);
	na = submit(h, o, &a);
	hear(h, na);
	host_leave(h);
	host_hang_up(h);
	nb = submit(h, NULL, &b);
	assert_int_equal(moro_cancel_soon(h->peer.m, na), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(moro_next_ms(h->peer.m), 0);
	assert_int_equal(moro_outstanding(h->peer.m), 2);
	word = moro_cancel(h->peer.m, nb);
	assert_true(moro_reply_ok(word));
	assert_memory_equal(moro_reply_string(word, "state", NULL), "queued",
	    6);
	moro_reply_free(word);
	host_await(h, &a, 1);
	host_await(h, &b, 1);
	assert_int_equal(a.code, MORO_CANCELLED);
	assert_string_equal(a.reason, "client");
	assert_int_equal(b.code, MORO_CANCELLED);
	host_listen(h, 8);
	host_accept(h);
	assert_true(host_silent(h));
	moro_options_free(o);
}

/* What was cancelled before the loss is not sent again. */
static void
test_cancel_before(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0};
	uint64_t number;

	begin(h);
	number = submit(h, o, &e);
	hear(h, number);
	assert_int_equal(moro_cancel_soon(h->peer.m, number), 0);
	host_hang_up(h);
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_CANCELLED);
	host_accept(h);
	assert_true(host_silent(h));
	moro_options_free(o);
}

/* Forgotten before it was sent, it is sent; after that, not again. */
static void
test_forgotten(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending never = {0};
	uint64_t sent, unsent;

	begin(h);
	sent = submit(h, o, &never);
	hear(h, sent);
	moro_forget(h->peer.m, sent);
	host_hang_up(h);
	unsent = submit(h, NULL, &never);
	moro_forget(h->peer.m, unsent);
	host_accept(h);
	hear(h, unsent);
	peer_answer(&h->peer, unsent, "");
	assert_true(host_silent(h));
	assert_int_equal(never.n, 0);
	moro_options_free(o);
}

/* A call waits for the server, but no longer than it may, and then is off. */
static void
test_call_limit(void **state)
{
	struct host *h = *state;
	struct moro_reply *r;
	uint64_t begun;

	begin(h);
	host_leave(h);
	host_hang_up(h);
	moro_set_wait_ms(h->peer.m, 20);
	begun = host_now();
	r = moro_call(h->peer.m, "t", NULL, 0, NULL);
	assert_in_range(host_now() - begun, 19, 2000);
	assert_int_equal(moro_reply_code(r), MORO_WAIT_LIMIT);
	assert_non_null(strstr(moro_reply_message(r), "no such socket"));
	moro_reply_free(r);
	assert_null(moro_wait(h->peer.m, submit(h, NULL, NULL), 0));
	host_listen(h, 8);
	host_accept(h);
	hear(h, PEER_FIRST + 1);
	assert_true(host_silent(h));
}

/* Two calls to a server that does not read: of the second nothing goes. */
static void
call_unread(struct host *h)
{
	size_t size = PEER_FRAME - 100;
	uint8_t *data = large(size);

	begin(h);
	moro_set_wait_ms(h->peer.m, 20);
	moro_reply_free(moro_call(h->peer.m, "t", data, size, NULL));
	moro_reply_free(moro_call(h->peer.m, "t", NULL, 0, NULL));
	free(data);
}

/* The same where there is a server, which does not read. */
static void
test_call_limit_unread(void **state)
{
	struct host *h = *state;

	call_unread(h);
	host_hang_up(h);
	host_accept(h);
	hear(h, submit(h, NULL, NULL)); /* and none before it */
	assert_true(host_silent(h));
}

/* Nor is it sent there, when the server reads again; what has begun to go is. */
static void
test_call_limit_unsent(void **state)
{
	struct host *h = *state;

	call_unread(h);
	moro_reply_free(moro_ping(h->peer.m));
	assert_int_equal(moro_error(h->peer.m), MORO_WAIT_LIMIT);
	hear(h, PEER_FIRST);
	hear(h, submit(h, NULL, NULL)); /* and none before it */
	assert_true(host_silent(h));
}

/* Numbers of clients begin anew with a server: no other one is told to cancel. */
static void
test_cancel_other_once(void **state)
{
	struct host *h = *state;
	struct moro_reply *r;

	begin(h);
	moro_set_wait_ms(h->peer.m, 20);
	r = moro_cancel_other(h->peer.m, 5, 7);
	assert_int_equal(moro_reply_code(r), MORO_WAIT_LIMIT);
	moro_reply_free(r);
	host_leave(h);
	host_hang_up(h);
	r = moro_cancel_other(h->peer.m, 5, 7);
	assert_int_equal(moro_reply_code(r), MORO_NO_SERVER);
	moro_reply_free(r);
	host_listen(h, 8);
	host_accept(h);
	hear(h, submit(h, NULL, NULL));
	assert_true(host_silent(h));
}

/* A server with other limits is not told what it would break off for. */
static void
test_smaller_limits(void **state)
{
	struct host *h = *state;
	struct ending large = {0}, small = {0};
	uint8_t data[200];
	uint64_t number;

	begin(h);
	host_hang_up(h);
	memset(data, 'x', sizeof data);
	memcpy(data, "\xc4\xc6", 2);
	assert_int_not_equal(moro_submit(h->peer.m, "t", data, sizeof data,
				 NULL, host_ending_cb, &large),
	    0);
	number = submit(h, NULL, &small);
	h->frame = 100;
	host_accept(h);
	host_await(h, &large, 1);
	assert_int_equal(large.code, MORO_TOO_LARGE);
	hear(h, number);
	peer_answer(&h->peer, number, "");
	host_await(h, &small, 1);
	assert_int_equal(small.code, MORO_OK);
}

/* Descriptors go with what is sent again, if the server takes any. */
static void
test_descriptors(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0};
	int fd = memfd_create("t", MFD_CLOEXEC);
	uint64_t number;
	char byte;

	h->feature = "fd";
	begin(h);
	assert_int_equal(write(fd, "x", 1), 1);
	moro_options_add_file(o, fd);
	number = submit(h, o, &e);
	close(fd); /* needed by the submit alone */
	hear(h, number);
	close(h->fd);
	h->fd = -1;
	host_hang_up(h);
	host_accept(h);
	hear(h, number);
	assert_int_equal(pread(h->fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	h->feature = NULL;
	host_hang_up(h);
	host_accept(h);
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_UNSUPPORTED);
	assert_true(host_silent(h));
	moro_options_free(o);
}

/* A run that may still write to the result's file has it alone. */
static void
test_result_file(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0};
	int fd = memfd_create("t", MFD_CLOEXEC);

	h->feature = "fd";
	begin(h);
	moro_options_set_result_file(o, fd);
	hear(h, submit(h, o, &e));
	host_hang_up(h);
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_LOST);
	close(fd);
	moro_options_free(o);
}

/* A request that costs each server its life is not sent for ever. */
static void
test_losses(void **state)
{
	struct host *h = *state;
	struct moro_options *o = moro_options_new();
	struct ending e = {0};
	uint64_t number;

	begin(h);
	moro_options_set_retry(o, 5, 0, 0, 0);
	number = submit(h, o, &e);
	hear(h, number);
	for (int i = 0; i < 3; i++) {
		host_hang_up(h);
		assert_int_equal(e.n, 0);
		host_accept(h);
		hear(h, number);
	}
	host_hang_up(h);
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_LOST);
	moro_options_free(o);
}

/* News are asked for again; how it is now is known from the answer. */
static void
test_subscribes(void **state)
{
	static const char high[] = "\x81\xa5state\xa4high";
	struct host *h = *state;
	uint8_t bytes[64] = "\x94\x01\x00\xc0";
	uint64_t number;

	begin(h);
	bytes[2] = PEER_FIRST;
	memcpy(bytes + 4, high, sizeof high - 1);
	peer_write(&h->peer, bytes, 4 + sizeof high - 1);
	moro_reply_free(moro_subscribe(h->peer.m, "backpressure"));
	assert_int_equal(moro_backpressure(h->peer.m), 1);
	hear(h, PEER_FIRST);
	host_hang_up(h);
	assert_int_equal(moro_backpressure(h->peer.m), -1);
	host_accept(h);
	number = host_hear(h);
	assert_string_equal(h->method, "subscribe");
	assert_int_equal(moro_outstanding(h->peer.m), 0);
	bytes[2] = (uint8_t)number;
	peer_write(&h->peer, bytes, 4 + sizeof high - 1);
	while (moro_backpressure(h->peer.m) != 1)
		host_turn(h);
}

/* The first connection is waited for, too, within the limit. */
static void
test_first(void **state)
{
	struct host *h = *state;
	struct ending e = {0};
	uint64_t begun = host_now();

	moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 0);
	moro_set_wait_ms(h->peer.m, 20);
	assert_int_equal(moro_connect(h->peer.m, h->path), -1);
	assert_in_range(host_now() - begun, 19, 2000);
	assert_int_equal(moro_error(h->peer.m), MORO_NO_SERVER);
	assert_non_null(strstr(moro_errstr(h->peer.m), h->path));
	assert_int_equal(moro_start(h->peer.m, h->path), 0);
	assert_int_equal(moro_fd(h->peer.m), -1);
	submit(h, NULL, &e);
	host_listen(h, 8);
	host_accept(h);
	peer_answer(&h->peer, host_hear(h), "");
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_OK);
}

/* A server that takes connections and says nothing is given up in time. */
static void
test_mute(void **state)
{
	struct host *h = *state;
	uint64_t begun = host_now();

	host_listen(h, 8);
	moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 0);
	moro_set_wait_ms(h->peer.m, 20);
	assert_int_equal(moro_connect(h->peer.m, h->path), -1);
	assert_in_range(host_now() - begun, 19, 2000);
	assert_non_null(strstr(moro_errstr(h->peer.m), "does not answer"));
}

/* A backlog that is full is waited for without waiting in the kernel. */
static void
test_backlog(void **state)
{
	struct host *h = *state, other = {.listener = -1};
	uint64_t begun = host_now();
	struct moro *full = moro_new();

	host_listen(h, 0);
	assert_int_equal(moro_start(full, h->path), 0);
	assert_int_equal(moro_start(h->peer.m, h->path), -1);
	assert_non_null(strstr(moro_errstr(h->peer.m), "accepts no"));
	moro_set_reconnect(h->peer.m, FIRST_MS, MAX_MS, 0);
	assert_int_equal(moro_start(h->peer.m, h->path), 0);
	assert_int_equal(moro_fd(h->peer.m), -1);
	assert_in_range(host_now() - begun, 0, 2000);
	other.listener = h->listener;
	other.threaded = true;
	other.peer.fd = -1;
	other.fd = -1;
	moro_dispatch(full);
	host_take(&other);
	host_accept(h);
	assert_true(moro_connected(h->peer.m));
	moro_free(full);
	close(other.peer.fd);
}

/* A peer that is no morod is not come back to. */
static void
test_garbled(void **state)
{
	struct host *h = *state;
	struct ending e = {0};

	begin(h);
	submit(h, NULL, &e);
	moro_dispatch(h->peer.m);
	peer_write(&h->peer, "\xc1", 1);
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_GARBLED);
	assert_int_equal(moro_dispatch(h->peer.m), -1);
	assert_int_equal(moro_error(h->peer.m), MORO_GARBLED);
}

/* Closing while it is away ends all, once. */
static void
test_close_away(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending a = {0}, b = {0};

	begin(h);
	hear(h, submit(h, o, &a));
	host_hang_up(h);
	submit(h, NULL, &b);
	moro_close(h->peer.m);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.code, MORO_CLOSED);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.code, MORO_CLOSED);
	assert_int_equal(moro_dispatch(h->peer.m), -1);
	moro_options_free(o);
}

/* Freed in the callback of what was lost, while another waits. */
static void
freeing_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct host *h = user;

	assert_int_equal(moro_reply_code(reply), MORO_LOST);
	moro_reply_free(reply);
	moro_free(m);
	h->peer.m = NULL;
}

static void
test_free_in_callback(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending e = {0};

	begin(h);
	moro_submit(h->peer.m, "t", NULL, 0, NULL, freeing_cb, h);
	host_hear(h);
	hear(h, submit(h, o, &e));
	host_hang_up(h);
	assert_null(h->peer.m);
	assert_int_equal(e.n, 1);
	assert_int_equal(e.code, MORO_CLOSED);
	moro_options_free(o);
}

/* Turned off while it is away, it ends at the next turn. */
static void
test_turned_off(void **state)
{
	struct host *h = *state;
	struct ending e = {0};

	begin(h);
	host_hang_up(h);
	submit(h, NULL, &e);
	assert_int_equal(moro_set_reconnect(h->peer.m, 0, 0, 0), 0);
	assert_int_equal(moro_next_ms(h->peer.m), 0);
	moro_dispatch(h->peer.m);
	assert_int_equal(e.n, 1);
	assert_non_null(strstr(e.message, "was switched off"));
	assert_int_equal(moro_dispatch(h->peer.m), -1);
	assert_int_equal(moro_set_reconnect(h->peer.m, UINT64_MAX, 0, 0), -1);
}

/* What an event loop is told: first to let go, then of the new descriptor. */
struct told {
	int let_go; /* how often events were 0 */
	int fd; /* that was open then, or -1 */
	int last;
};

static void
told_cb(struct moro *m, int events, void *user)
{
	struct told *t = user;

	t->last = events;
	if (events == 0 && moro_fd(m) != -1) {
		t->let_go++;
		t->fd = moro_fd(m);
	}
}

static void
test_events(void **state)
{
	struct host *h = *state;
	struct told told = {0, -1, -1};
	int fd;

	begin(h);
	fd = moro_fd(h->peer.m);
	moro_on_events(h->peer.m, told_cb, &told);
	host_hang_up(h);
	assert_int_equal(told.let_go, 1);
	assert_int_equal(told.fd, fd);
	assert_int_equal(told.last, 0);
	assert_int_equal(moro_events(h->peer.m), 0);
	assert_int_equal(moro_fd(h->peer.m), -1);
	assert_in_range(moro_next_ms(h->peer.m), 0, FIRST_MS);
	host_accept(h);
	assert_true(told.last & MORO_READ);
	moro_on_events(h->peer.m, NULL, NULL);
	assert_int_equal(moro_next_ms(h->peer.m), -1);
}

/* Leaves the loop with the answer. */
static void
breaking_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	(void)m;
	assert_true(moro_reply_ok(reply));
	moro_reply_free(reply);
	event_base_loopbreak(user);
}

/* What the server does while the loop runs. */
static void
serve_cb(evutil_socket_t fd, short what, void *user)
{
	struct host *h = user;

	(void)fd;
	(void)what;
	/* only the loop drives the client */
	h->threaded = true;
	host_accept(h);
}

static void
answer_cb(evutil_socket_t fd, short what, void *user)
{
	struct host *h = user;

	(void)fd;
	(void)what;
	if (h->peer.fd != -1 && !host_silent(h))
		peer_answer(&h->peer, PEER_FIRST, "");
}

/* An event loop brings the client back by itself, with a timer. */
static void
test_loop(void **state)
{
	struct host *h = *state;
	struct event_base *base = event_base_new();
	struct timeval often = {0, 1000};
	struct moro_event *e;
	struct event *serve, *answer;

	begin(h);
	e = moro_event_new(h->peer.m, base);
	host_hang_up(h);
	assert_int_equal(moro_submit(h->peer.m, "t", NULL, 0, NULL, breaking_cb,
			     base),
	    PEER_FIRST);
	serve = event_new(base, h->listener, EV_READ, serve_cb, h);
	answer = event_new(base, -1, EV_PERSIST, answer_cb, h);
	event_add(serve, NULL);
	event_add(answer, &often);
	event_base_dispatch(base);
	assert_int_equal(moro_outstanding(h->peer.m), 0);
	moro_event_free(e);
	event_free(serve);
	event_free(answer);
	event_base_free(base);
}

/* A child's use of the connection fails there, and the parent's goes on. */
static void
test_fork(void **state)
{
	struct host *h = *state;
	struct ending e = {0};
	uint64_t number;
	int status;
	pid_t pid;

	begin(h);
	number = submit(h, NULL, &e);
	hear(h, number);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct moro_reply *r = moro_ping(h->peer.m);
		bool good = moro_reply_code(r) == MORO_CLOSED &&
			    strstr(moro_reply_message(r), "fork") != NULL &&
			    moro_fd(h->peer.m) == -1 &&
			    moro_cancel_soon(h->peer.m, number) == -1;

		moro_reply_free(r);
		moro_free(h->peer.m);
		_exit(good && e.n == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(host_silent(h));
	peer_answer(&h->peer, number, "");
	host_await(h, &e, 1);
	assert_int_equal(e.code, MORO_OK);
}

/* The server is lost again and again under load: one ending each. */
static void
test_often(void **state)
{
	struct host *h = *state;
	struct moro_options *o = idempotent();
	struct ending safe = {0}, other = {0};
	int n = 0;

	begin(h);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 5; i++, n++) {
			submit(h, o, &safe);
			submit(h, NULL, &other);
		}
		/* some are answered, some heard, some not even sent */
		for (int i = 0; i < round % 5; i++)
			peer_answer(&h->peer, host_hear(h), "");
		host_hang_up(h);
		host_accept(h);
	}
	while (safe.n < n || other.n < n)
		peer_answer(&h->peer, host_hear(h), ""), host_turn(h);
	assert_int_equal(safe.n, n);
	assert_int_equal(other.n, n);
	assert_int_equal(moro_outstanding(h->peer.m), 0);
	assert_true(host_silent(h));
	moro_options_free(o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, host_setup, host_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_sorts),
	    TEST(test_off),
	    TEST(test_unsent),
	    TEST(test_half_sent),
	    TEST(test_time_left),
	    TEST(test_time_left_late),
	    TEST(test_timeout),
	    TEST(test_path_anew),
	    TEST(test_gives_up),
	    TEST(test_cancel_away),
	    TEST(test_cancel_before),
	    TEST(test_forgotten),
	    TEST(test_call_limit),
	    TEST(test_call_limit_unread),
	    TEST(test_call_limit_unsent),
	    TEST(test_cancel_other_once),
	    TEST(test_smaller_limits),
	    TEST(test_descriptors),
	    TEST(test_result_file),
	    TEST(test_losses),
	    TEST(test_subscribes),
	    TEST(test_first),
	    TEST(test_mute),
	    TEST(test_backlog),
	    TEST(test_garbled),
	    TEST(test_close_away),
	    TEST(test_free_in_callback),
	    TEST(test_turned_off),
	    TEST(test_events),
	    TEST(test_loop),
	    TEST(test_fork),
	    TEST(test_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
