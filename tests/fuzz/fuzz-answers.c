/*
 * What libmoro reads from a server. The first byte has bits: whether the
 * greeting is answered as it should be, or the input answers that, too; and
 * what the program has asked for. The rest is all that the server says before
 * it hangs up. Whatever it is: each request comes to exactly one answer, with a
 * callback or without one, and what is read of an answer is what is there.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/moro.h"
#include "tests/fuzz/fuzz.h"

#define REQUESTS 6 /* odd ones have a callback */
#define WAIT_MS 10000 /* nothing here takes any time */

enum choice {
	CHOICE_GREET = 1, /* the greeting is answered properly */
	CHOICE_NEWS = 2, /* progress and backpressure are listened to */
	CHOICE_ANY = 4, /* answers are taken in the order in which they come */
	CHOICE_SUBSCRIBE = 8,
	CHOICE_DISPATCH = 16, /* they are read by moro_dispatch() first */
	CHOICE_CANCEL = 32,
	CHOICE_FORGET = 64,
};

static unsigned int called; /* callbacks of answers */
static double seen; /* so that what is read is not left out */

static const char greeting[] = "\x94\x01\x01\xc0\x82"
			       "\xa7version\xa3"
			       "9.8"
			       "\xa6limits\x81\xa8maxFrame\xce\x00\x10\x00\x00";

/* Looks at all that an answer may have. */
static void
look(struct moro_reply *r)
{
	static const char *const names[] = {"a", "state", "a.b", "result",
	    "limit", "file"};
	uint64_t offset, len64;
	int64_t n;
	size_t len;
	double x;
	int index;

	assert(moro_reply_ok(r) == (moro_reply_code(r) == MORO_OK));
	assert(moro_reply_message(r) != NULL && moro_reply_reason(r) != NULL);
	seen += (double)strlen(moro_reply_code_name(r));
	seen += moro_reply_retryable(r);
	for (size_t i = 0; i < moro_reply_details(r); i++)
		assert(moro_reply_detail_name(r, i) != NULL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		moro_reply_detail_number(r, names[i], &n);
		moro_reply_detail_text(r, names[i]);
		moro_reply_number(r, names[i], &n);
		moro_reply_real(r, names[i], &x);
		seen += moro_reply_true(r, names[i]);
		if (moro_reply_string(r, names[i], &len) != NULL)
			seen += (double)len;
		if (moro_reply_field(r, names[i], &len) != NULL)
			assert(len > 0);
	}
	if (moro_reply_text(r, &len) != NULL)
		assert(moro_reply_text(r, NULL)[len] == '\0');
	moro_reply_file(r, &index, &offset, &len64);
	assert((moro_reply_result(r, &len) != NULL) == (moro_reply_ok(r) != 0));
	assert((moro_reply_object(r) != NULL) == (moro_reply_ok(r) != 0));
}

/* The elements of a batch, if it is one. */
static void
look_inside(struct moro_reply *r)
{
	size_t n = moro_reply_elements(r);
	struct moro_reply *one;

	while ((one = moro_reply_next(r)) != NULL) {
		assert(n-- > 0);
		look(one);
		moro_reply_free(one);
	}
	assert(n == 0);
}

static void
answered_cb(struct moro *m, struct moro_reply *r, void *user)
{
	unsigned int *counted = user;

	called++;
	assert(++*counted == 1);
	look(r);
	look_inside(r);
	moro_reply_free(r);
}

static void
progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	seen += done + total + (note != NULL ? (double)strlen(note) : 0);
}

static void
pressure_cb(struct moro *m, const char *pool, int high, uint64_t queued,
    uint64_t limit, void *user)
{
	seen += (double)strlen(pool) + high;
}

/* An answer that was waited for: there is one for each request. */
static void
take(struct moro_reply *r, unsigned int *n)
{
	if (r == NULL)
		return;
	look(r);
	look_inside(r);
	moro_reply_free(r);
	++*n;
}

/* Asks for all, takes all the answers. */
static void
converse(struct moro *m, unsigned int choice)
{
	static const uint8_t nil = 0xc0;
	unsigned int counted[REQUESTS] = {0}, sent = 0, kept = 0, taken = 0;
	struct moro_options *o = moro_options_new();
	uint64_t numbers[REQUESTS] = {0};

	called = 0;
	moro_options_set_progress(o, 1);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		numbers[i] = moro_submit(m, "a:b", &nil, 1, o,
		    i % 2 ? answered_cb : NULL, &counted[i]);
		sent += numbers[i] != 0 && i % 2;
		kept += numbers[i] != 0 && !(i % 2);
	}
	moro_options_free(o);
	if (choice & CHOICE_FORGET && numbers[0] != 0) {
		moro_forget(m, numbers[0]);
		kept--;
		numbers[0] = 0;
	}
	if (choice & CHOICE_DISPATCH)
		moro_dispatch(m);
	if (choice & CHOICE_SUBSCRIBE)
		moro_reply_free(moro_subscribe(m, "backpressure"));
	if (choice & CHOICE_CANCEL)
		moro_reply_free(moro_cancel(m, 3));
	for (unsigned int i = 0; i < REQUESTS; i += 2) {
		if (choice & CHOICE_ANY)
			take(moro_wait_any(m, NULL, WAIT_MS), &taken);
		else if (numbers[i] != 0)
			take(moro_wait(m, numbers[i], WAIT_MS), &taken);
	}
	moro_backpressure(m);
	moro_close(m);
	assert(called == sent);
	assert(taken == kept);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct moro *m;
	int pair[2];

	if (len == 0)
		return 0;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	if (bytes[0] & CHOICE_GREET)
		assert(send(pair[1], greeting, sizeof greeting - 1, 0) ==
		       sizeof greeting - 1);
	/* what is longer than a socket holds does not get there */
	if (len > 1 && send(pair[1], bytes + 1, len - 1, MSG_DONTWAIT) == -1)
		abort();
	shutdown(pair[1], SHUT_WR);
	m = moro_new();
	assert(m != NULL);
	moro_set_wait_ms(m, WAIT_MS);
	if (bytes[0] & CHOICE_NEWS) {
		moro_on_progress(m, progress_cb, NULL);
		moro_on_backpressure(m, pressure_cb, NULL);
	}
	moro_connect_fd(m, pair[0]);
	converse(m, bytes[0]);
	moro_free(m);
	close(pair[1]);
	return 0;
}
