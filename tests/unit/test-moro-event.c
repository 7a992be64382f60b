/* The libevent adapter drives a connection. */

#include "tests/unit/peer.h"

#include <stdbool.h>
#include <sys/time.h>

#include "client/moro-event.h"

/* A loop, a connection in it, and how many answers came. */
struct loop {
	struct peer peer;
	struct event_base *base;
	struct moro_event *event;
	int answers;
	enum moro_code last;
	bool frees;
};

static void
loop_open(struct loop *l)
{
	peer_open(&l->peer);
	l->base = event_base_new();
	l->event = moro_event_new(l->peer.m, l->base);
	l->answers = 0;
	l->frees = false;
	assert_non_null(l->event);
}

static void
loop_close(struct loop *l)
{
	moro_event_free(l->event);
	peer_close(&l->peer);
	event_base_free(l->base);
}

/* Counts an answer and leaves the loop. */
static void
answer_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct loop *l = user;

	l->answers++;
	l->last = moro_reply_code(reply);
	moro_reply_free(reply);
	if (l->frees) {
		moro_event_free(l->event);
		l->event = NULL;
		moro_free(m);
		l->peer.m = NULL;
	}
	event_base_loopbreak(l->base);
}

/* A request goes out and its answer comes in, by the loop alone. */
static void
test_event_answer(void **state)
{
	struct loop l;
	uint8_t bytes[64];

	(void)state;
	loop_open(&l);
	assert_true(peer_submit(l.peer.m, "a", answer_cb, &l) != 0);
	event_base_loop(l.base, EVLOOP_ONCE);
	assert_true(peer_read(&l.peer, bytes, sizeof bytes) > 0);
	peer_answer(&l.peer, PEER_FIRST, "a");
	event_base_dispatch(l.base);
	assert_int_equal(l.answers, 1);
	assert_int_equal(l.last, MORO_OK);
	loop_close(&l);
}

/* A lost connection leaves the loop empty; a new one is watched again. */
static void
test_event_lost(void **state)
{
	struct loop l;

	(void)state;
	loop_open(&l);
	peer_submit(l.peer.m, "a", answer_cb, &l);
	event_base_loop(l.base, EVLOOP_ONCE);
	peer_hang_up(&l.peer);
	event_base_dispatch(l.base);
	assert_int_equal(l.answers, 1);
	assert_int_equal(l.last, MORO_LOST);
	assert_int_equal(event_base_dispatch(l.base), 1);
	peer_connect(&l.peer, PEER_FIRST + 1);
	peer_submit(l.peer.m, "b", answer_cb, &l);
	peer_answer(&l.peer, PEER_FIRST + 2, "b");
	event_base_dispatch(l.base);
	assert_int_equal(l.answers, 2);
	assert_int_equal(l.last, MORO_OK);
	loop_close(&l);
}

/* A callback may free adapter and connection. */
static void
test_event_free(void **state)
{
	struct loop l;

	(void)state;
	loop_open(&l);
	l.frees = true;
	peer_submit(l.peer.m, "a", answer_cb, &l);
	peer_answer(&l.peer, PEER_FIRST, "a");
	event_base_dispatch(l.base);
	assert_int_equal(l.answers, 1);
	loop_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_event_answer),
	    cmocka_unit_test(test_event_lost),
	    cmocka_unit_test(test_event_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
