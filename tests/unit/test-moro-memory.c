/*
 * Every allocation of libmoro fails once in turn, in an exchange that has all
 * that a client does. It goes on or ends with MORO_NO_MEMORY; nothing crashes,
 * nothing leaks, and each request ends once.
 */

#include "tests/unit/host.h"
#include "tests/unit/seam.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUESTS 24 /* more than there are places in the first table */
#define MOST 1000 /* allocations of one exchange, and more */
#define NEWS                                   \
	"\x93\x02\xa8progress\x92\x02\x82\xa4" \
	"done\x01\xa4note\xa1x"

/* One exchange, and what was seen in it. */
struct exchange {
	struct host *h;
	struct moro_options *options;
	struct ending endings[REQUESTS];
	bool submitted[REQUESTS];
	bool memory; /* something said that memory ran out */
	bool unsent; /* or that a request could not be kept */
};

/* Notes what an error was. */
static void
note(struct exchange *x, enum moro_code code, const char *reason)
{
	x->memory |= code == MORO_NO_MEMORY;
	x->unsent |= code == MORO_LOST && strcmp(reason, "unsent") == 0;
}

static void
progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	(void)m;
	(void)number;
	(void)done;
	(void)total;
	(void)note;
	(void)user;
}

/* Submits request i: each third has a descriptor, each second may run twice. */
static void
submit(struct exchange *x, int i, int fd)
{
	struct moro *m = x->h->peer.m;

	moro_options_clear_files(x->options);
	moro_options_set_idempotent(x->options, i % 2);
	if (i % 3 == 0)
		moro_options_add_file(x->options, fd);
	x->submitted[i] = moro_submit(m, "t", "\xa4text", 5, x->options,
			      host_ending_cb, &x->endings[i]) != 0;
	if (!x->submitted[i])
		note(x, moro_error(m), "");
}

/* Lets both sides go on until nothing is outstanding, or the end. */
static void
settle(struct exchange *x)
{
	uint64_t end = host_now() + PEER_WAIT_MS;

	while (moro_dispatch(x->h->peer.m) != -1 &&
	       moro_outstanding(x->h->peer.m) > 0) {
		assert_true(host_now() < end);
		host_serve(x->h);
	}
	note(x, moro_error(x->h->peer.m), "");
}

/* A map, an array and a call of a helper, whose answer is there already. */
static void
call(struct exchange *x)
{
	struct moro *m = x->h->peer.m;
	struct moro_map *map = moro_map_new();
	struct moro_list *list = moro_list_new();
	uint64_t number;
	struct moro_reply *r;

	moro_list_text(list, "element");
	moro_map_list(map, "list", list);
	moro_map_text(map, "text", "value");
	number = moro_submit(m, "t", moro_map_data(map), moro_map_size(map),
	    NULL, NULL, NULL);
	note(x,
	    number == 0 || map == NULL || list == NULL ? moro_error(m)
						       : MORO_OK,
	    "");
	x->memory |= moro_map_data(map) == NULL || moro_list_data(list) == NULL;
	moro_cancel_soon(m, number);
	settle(x);
	r = moro_wait(m, number, 0);
	note(x, moro_reply_code(r), moro_reply_reason(r));
	moro_reply_free(r);
	moro_map_free(map);
	moro_list_free(list);
}

/* Submits, is answered, loses the server, and gets the rest from the next. */
static void
run(struct exchange *x, int fd)
{
	struct host *h = x->h;

	moro_set_reconnect(h->peer.m, 1, 1, 0);
	moro_on_progress(h->peer.m, progress_cb, NULL);
	if (moro_start(h->peer.m, h->path) == -1)
		return;
	for (int i = 0; i < REQUESTS / 2; i++)
		submit(x, i, fd);
	settle(x);
	for (int i = REQUESTS / 2; i < REQUESTS - 2; i++)
		submit(x, i, fd);
	/* half of an answer, then nothing: all is lost or sent again */
	moro_dispatch(h->peer.m);
	if (!host_gone(h)) {
		peer_write(&h->peer, NEWS, sizeof NEWS - 1);
		peer_write(&h->peer, "\x94\x01", 2);
		peer_hang_up(&h->peer);
	}
	/* these are never sent on the first connection */
	submit(x, REQUESTS - 2, fd);
	submit(x, REQUESTS - 1, fd);
	settle(x);
	call(x);
}

/* Checks what came of it: all went well, or it is known why not. */
static void
check(struct exchange *x)
{
	bool well = true;

	for (int i = 0; i < REQUESTS; i++) {
		struct ending *e = &x->endings[i];

		assert_int_equal(e->n, x->submitted[i] ? 1 : 0);
		well &= e->code == MORO_OK || e->code == MORO_LOST;
		if (e->n > 0)
			note(x, e->code, e->reason);
	}
	assert_true(well || x->memory);
}

/* Runs it with one allocation failing. Returns whether one did. */
static bool
once(struct host *h, int fd, unsigned int nth)
{
	struct exchange x = {.h = h, .options = moro_options_new()};
	bool failed;

	seam_fail(nth);
	h->peer.m = moro_new();
	if (h->peer.m != NULL) {
		run(&x, fd);
		note(&x, moro_error(h->peer.m), "");
	}
	moro_free(h->peer.m);
	failed = seam_failed();
	h->peer.m = NULL;
	seam_fail(0);
	moro_options_free(x.options);
	/* connections that nobody took go with the listener */
	host_leave(h);
	host_listen(h, 8);
	if (h->peer.fd != -1)
		peer_hang_up(&h->peer);
	check(&x);
	return failed;
}

static void
test_each_fails(void **state)
{
	struct host *h = *state;
	int fd = memfd_create("t", MFD_CLOEXEC), descriptors;
	unsigned int n = 0;

	moro_free(h->peer.m);
	h->feature = "fd";
	host_listen(h, 8);
	descriptors = host_descriptors();
	do {
		assert_true(n < MOST);
		n++;
	} while (once(h, fd, n));
	/* it was an exchange of some size */
	assert_true(n > 100);
	assert_int_equal(seam_living(), 0);
	if (h->fd != -1)
		close(h->fd);
	h->fd = -1;
	assert_int_equal(host_descriptors(), descriptors);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_each_fails, host_setup,
		host_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
