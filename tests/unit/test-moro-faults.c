/*
 * libmoro against servers that do what no server should. Whatever one does: a
 * call ends once, within its limit, with an error that says what it was, and
 * leaves no descriptor behind.
 */

#include "tests/unit/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LIMIT_MS 60 /* the caller's, where it is to be reached */
#define SLACK_MS 3000 /* for a machine that has much else to do */
#define NEWS                                   \
	"\x93\x02\xa8progress\x92\x02\x81\xa4" \
	"done\x01"

/* What a server does, in a thread of its own. */
struct fault {
	void (*serve)(struct host *h);
	int wait_ms; /* the caller's limit */
	enum moro_code code; /* of the call, or of connecting */
	const char *message; /* in its text; NULL: the path */
	bool connects; /* whether the greeting goes well */
};

struct script {
	struct host *h;
	const struct fault *fault;
};

/* Waits until the client has hung up. */
static void
wait_end(struct host *h)
{
	uint8_t bytes[256];

	while (recv(h->peer.fd, bytes, sizeof bytes, 0) > 0)
		;
}

static void
serve_closes(struct host *h)
{
	host_take(h);
	peer_hang_up(&h->peer);
}

static void
serve_mute(struct host *h)
{
	host_take(h);
	wait_end(h);
}

static void
serve_half_greeting(struct host *h)
{
	host_take(h);
	peer_write(&h->peer, "\x94\x01\x01\xc0\x81", 5);
	wait_end(h);
}

static void
serve_no_greeting(struct host *h)
{
	host_take(h);
	peer_write(&h->peer, "HTTP/1.1 400 Bad Request\r\n", 26);
	wait_end(h);
}

static void
serve_half_closes(struct host *h)
{
	host_accept(h);
	host_hear(h);
	peer_write(&h->peer, "\x94\x01\x02\xc0\xa5he", 7);
	peer_hang_up(&h->peer);
}

static void
serve_half_mute(struct host *h)
{
	host_accept(h);
	host_hear(h);
	peer_write(&h->peer, "\x94\x01\x02\xc0\xa5he", 7);
	wait_end(h);
}

static void
serve_silent(struct host *h)
{
	host_accept(h);
	wait_end(h);
}

/* A byte at a time, for as long as anybody listens: the answer never ends. */
static void
serve_drips(struct host *h)
{
	host_accept(h);
	host_hear(h);
	peer_write(&h->peer, "\x94\x01\x02\xc0\xda\xff\xff", 7);
	while (send(h->peer.fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(1000);
}

static void
serve_other_number(struct host *h)
{
	host_accept(h);
	peer_answer(&h->peer, host_hear(h) + 7, "");
	wait_end(h);
}

static void
serve_rubbish(struct host *h)
{
	host_accept(h);
	host_hear(h);
	peer_write(&h->peer, "\xc1\xc1", 2);
	wait_end(h);
}

static void
serve_request(struct host *h)
{
	host_accept(h);
	peer_write(&h->peer, "\x94\x00\x02\xa1x\x90", 6);
	peer_refuse(&h->peer, host_hear(h), "SHUTTING_DOWN");
	wait_end(h);
}

static const struct fault faults[] = {
    {serve_closes, PEER_WAIT_MS, MORO_LOST, NULL, false},
    {serve_mute, LIMIT_MS, MORO_NO_SERVER, "does not answer", false},
    {serve_half_greeting, LIMIT_MS, MORO_NO_SERVER, "does not answer", false},
    {serve_no_greeting, PEER_WAIT_MS, MORO_GARBLED, NULL, false},
    {serve_half_closes, PEER_WAIT_MS, MORO_LOST, "in the middle", true},
    {serve_half_mute, LIMIT_MS, MORO_WAIT_LIMIT, NULL, true},
    {serve_silent, LIMIT_MS, MORO_WAIT_LIMIT, NULL, true},
    {serve_drips, LIMIT_MS, MORO_WAIT_LIMIT, NULL, true},
    {serve_other_number, PEER_WAIT_MS, MORO_GARBLED, NULL, true},
    {serve_rubbish, PEER_WAIT_MS, MORO_GARBLED, NULL, true},
    {serve_request, PEER_WAIT_MS, MORO_SHUTTING_DOWN, "because", true},
};

static void *
serve(void *user)
{
	struct script *s = user;

	s->fault->serve(s->h);
	return NULL;
}

/* Signals that come all the time end no wait, and make none longer. */
static void
alarm_handler(int signal)
{
	(void)signal;
}

static void
alarms(bool on)
{
	struct itimerval often = {{0, on ? 5000 : 0}, {0, on ? 5000 : 0}};
	struct sigaction act = {.sa_handler = alarm_handler};

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* Checks how one server's fault is told, and when. */
static void
fault_check(struct host *h, const struct fault *f)
{
	struct moro *m = h->peer.m;
	const char *wanted = f->message == NULL ? h->path : f->message;
	uint64_t begun = host_now();
	struct moro_reply *r;

	moro_set_wait_ms(m, PEER_WAIT_MS);
	if (!f->connects)
		moro_set_wait_ms(m, (uint64_t)f->wait_ms);
	assert_int_equal(moro_connect(m, h->path), f->connects ? 0 : -1);
	moro_set_wait_ms(m, (uint64_t)f->wait_ms);
	r = moro_call(m, "t", NULL, 0, NULL);
	assert_true(host_now() - begun < (uint64_t)LIMIT_MS + SLACK_MS);
	assert_int_equal(moro_reply_code(r), f->code);
	assert_non_null(strstr(moro_reply_message(r), wanted));
	moro_reply_free(r);
	assert_int_equal(moro_outstanding(m), 0);
	moro_close(m);
}

static void
test_faults(void **state)
{
	struct host *h = *state;

	h->threaded = true;
	h->peer.leaves = true;
	host_listen(h, 8);
	alarms(true);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct script s = {h, &faults[i]};
		struct moro *m = h->peer.m;
		pthread_t thread;

		/* numbers begin anew */
		moro_free(m);
		h->peer.m = moro_new();
		assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
		fault_check(h, &faults[i]);
		pthread_join(thread, NULL);
	}
	alarms(false);
}

/* The same servers, and a client that comes back: all end, each once. */
static void
test_faults_reconnect(void **state)
{
	struct host *h = *state;
	struct moro_options *o = moro_options_new();

	h->threaded = true;
	h->peer.leaves = true;
	host_listen(h, 8);
	moro_options_set_idempotent(o, 1);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct script s = {h, &faults[i]};
		struct ending once = {0}, twice = {0};
		uint64_t end = host_now() + LIMIT_MS;
		pthread_t thread;

		moro_free(h->peer.m);
		h->peer.m = moro_new();
		moro_set_reconnect(h->peer.m, 1, 4, 0);
		assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
		moro_start(h->peer.m, h->path);
		moro_submit(h->peer.m, "t", NULL, 0, NULL, host_ending_cb,
		    &once);
		moro_submit(h->peer.m, "t", NULL, 0, o, host_ending_cb, &twice);
		while (host_now() < end && twice.n == 0)
			moro_wait_any(h->peer.m, NULL, 1),
			    moro_dispatch(h->peer.m);
		moro_close(h->peer.m);
		pthread_join(thread, NULL);
		/* connections that nobody took go with the listener */
		host_leave(h);
		host_listen(h, 8);
		assert_int_equal(once.n, 1);
		assert_int_equal(twice.n, 1);
	}
	moro_options_free(o);
}

/* Has more news come with each one that is told. */
static void
flood_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	struct host *h = user;

	(void)m;
	(void)number;
	(void)done;
	(void)total;
	(void)note;
	/* else a wait without a limit would not even end in this test */
	if (host_now() < h->end)
		peer_write(&h->peer, NEWS, sizeof NEWS - 1);
}

/* News that do not stop keep nobody waiting beyond the limit. */
static void
test_flood(void **state)
{
	struct host *h = *state;
	uint64_t begun = host_now(), number;

	host_begin(h);
	h->end = begun + PEER_WAIT_MS;
	moro_on_progress(h->peer.m, flood_cb, h);
	number = moro_submit(h->peer.m, "t", NULL, 0, NULL, NULL, NULL);
	assert_int_equal(number, 2);
	peer_write(&h->peer, NEWS, sizeof NEWS - 1);
	assert_null(moro_wait(h->peer.m, number, 20));
	assert_int_equal(moro_error(h->peer.m), MORO_WAIT_LIMIT);
	assert_null(moro_wait_any(h->peer.m, NULL, 20));
	assert_null(moro_wait_any(h->peer.m, NULL, 0));
	assert_in_range(host_now() - begun, 40, SLACK_MS);
	h->end = 0;
}

/* A second answer to the same request is no answer to another one. */
static void
test_duplicate(void **state)
{
	struct host *h = *state;
	struct ending a = {0}, b = {0};
	uint64_t number;

	host_begin(h);
	number = moro_submit(h->peer.m, "t", NULL, 0, NULL, host_ending_cb, &a);
	moro_submit(h->peer.m, "t", NULL, 0, NULL, host_ending_cb, &b);
	host_hear(h);
	peer_answer(&h->peer, number, "first");
	peer_answer(&h->peer, number, "second");
	host_await(h, &b, 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.code, MORO_OK);
	assert_int_equal(b.code, MORO_GARBLED);
	assert_non_null(strstr(b.message, h->path));
}

/* Each way of not being there has a sentence of its own, with the path. */
static void
test_nobody(void **state)
{
	struct host *h = *state;
	char longer[300];

	assert_int_equal(moro_connect(h->peer.m, h->path), -1);
	assert_int_equal(moro_error(h->peer.m), MORO_NO_SERVER);
	assert_non_null(strstr(moro_errstr(h->peer.m), "no such socket"));
	assert_non_null(strstr(moro_errstr(h->peer.m), h->path));
	host_listen(h, 1);
	close(h->listener);
	h->listener = -1;
	assert_int_equal(moro_connect(h->peer.m, h->path), -1);
	assert_non_null(strstr(moro_errstr(h->peer.m), "nobody listens"));
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	moro_set_reconnect(h->peer.m, 1, 1, 0);
	assert_int_equal(moro_connect(h->peer.m, longer), -1);
	assert_non_null(strstr(moro_errstr(h->peer.m), "longer than 107"));
}

/* Nobody accepts, and signals come all the time: the limit holds. */
static void
test_never_accepts(void **state)
{
	struct host *h = *state;
	struct moro *full = moro_new();
	uint64_t begun = host_now();

	host_listen(h, 0);
	assert_int_equal(moro_start(full, h->path), 0);
	moro_set_wait_ms(h->peer.m, LIMIT_MS);
	alarms(true);
	assert_int_equal(moro_connect(h->peer.m, h->path), -1);
	alarms(false);
	assert_in_range(host_now() - begun, LIMIT_MS - 1, LIMIT_MS + SLACK_MS);
	assert_int_equal(moro_error(h->peer.m), MORO_NO_SERVER);
	assert_non_null(strstr(moro_errstr(h->peer.m), "accepts no"));
	moro_free(full);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, host_setup, host_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_faults),
	    TEST(test_faults_reconnect),
	    TEST(test_flood),
	    TEST(test_duplicate),
	    TEST(test_nobody),
	    TEST(test_never_accepts),
	};

	/* a SIGPIPE would end the test */
	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
