#include "tests/unit/host.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/lookup.h"
#include "proto/fdpass.h"
#include "proto/scan.h"

#define TURN_MS 2 /* a turn waits so long at most */

uint64_t
host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int
host_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
host_setup(void **state)
{
	struct host *h = calloc(1, sizeof *h);

	h->listener = -1;
	h->peer.fd = -1;
	h->fd = -1;
	h->frame = PEER_FRAME;
	snprintf(h->folder, sizeof h->folder, "/tmp/moro-host-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->path, sizeof h->path, "%s/s", h->folder);
	h->descriptors = host_descriptors();
	h->peer.m = moro_new();
	assert_non_null(h->peer.m);
	moro_set_wait_ms(h->peer.m, PEER_WAIT_MS);
	*state = h;
	return 0;
}

int
host_teardown(void **state)
{
	struct host *h = *state;
	int n;

	moro_free(h->peer.m);
	if (h->fd != -1)
		close(h->fd);
	if (h->peer.fd != -1)
		close(h->peer.fd);
	host_leave(h);
	n = host_descriptors() - h->descriptors;
	rmdir(h->folder);
	free(h);
	return n == 0 ? 0 : -1;
}

void
host_listen(struct host *h, int backlog)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memcpy(sun.sun_path, h->path, strlen(h->path));
	h->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(h->listener, -1);
	assert_int_equal(bind(h->listener, (struct sockaddr *)&sun, sizeof sun),
	    0);
	assert_int_equal(listen(h->listener, backlog), 0);
}

void
host_leave(struct host *h)
{
	if (h->listener != -1)
		close(h->listener);
	h->listener = -1;
	unlink(h->path);
}

/* Waits until a descriptor can be read, the client going on meanwhile. */
static bool
host_ready(struct host *h, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (!h->threaded)
		moro_dispatch(h->peer.m);
	return poll(&p, 1, TURN_MS) == 1;
}

void
host_turn(struct host *h)
{
	host_ready(h, moro_fd(h->peer.m));
	moro_dispatch(h->peer.m);
}

/*
 * Notes what the request is, which is the first in what was read. Returns its
 * number; 0: it is a notification.
 */
static uint64_t
host_look(struct host *h, const struct frame *frame)
{
	struct value options = {h->bytes + frame->options.at,
	    frame->options.len};
	struct item timeout;
	uint64_t number = frame->kind == FRAME_REQUEST ? frame->msgid : 0;

	assert_true(frame->method.len < sizeof h->method);
	memcpy(h->method, h->bytes + frame->method.at, frame->method.len);
	h->method[frame->method.len] = '\0';
	if (frame->n_params < 2)
		options.at = NULL;
	timeout = lookup_item(lookup_field(options, "timeout"));
	h->timeout = timeout.type == READER_UINT ? timeout.n : 0;
	h->len -= frame->size;
	memmove(h->bytes, h->bytes + frame->size, h->len);
	return number;
}

/* Reads, with a descriptor that may come along. */
static void
host_read(struct host *h)
{
	int fds[FDPASS_MAX];
	size_t n_fds = 0;
	ssize_t n;

	assert_true(h->len < sizeof h->bytes);
	n = fdpass_receive(h->peer.fd, h->bytes + h->len,
	    sizeof h->bytes - h->len, fds, &n_fds, 0);
	if (n <= 0)
		peer_leave(&h->peer);
	assert_true(n > 0);
	h->len += (size_t)n;
	for (size_t i = 0; i < n_fds; i++) {
		if (h->fd != -1)
			close(h->fd);
		h->fd = fds[i];
	}
}

uint64_t
host_hear(struct host *h)
{
	const struct limits limits = LIMITS_DEFAULT;
	uint64_t end = host_now() + PEER_WAIT_MS;
	struct frame frame;
	struct scan s;

	for (;;) {
		scan_init(&s, &limits);
		if (h->len > 0 &&
		    scan_feed(&s, h->bytes, h->len) == SCAN_FRAME) {
			uint64_t number;

			scan_frame(&s, &frame);
			number = host_look(h, &frame);
			if (number != 0)
				return number;
			continue;
		}
		assert_true(host_now() < end);
		if (host_ready(h, h->peer.fd))
			host_read(h);
	}
}

bool
host_gone(struct host *h)
{
	struct pollfd p = {.fd = h->peer.fd};

	if (h->peer.fd != -1 && poll(&p, 1, 0) == 1)
		peer_hang_up(&h->peer);
	return h->peer.fd == -1;
}

/* Whether a descriptor can be read at this moment. */
static bool
host_has(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd != -1 && poll(&p, 1, 0) == 1;
}

/* Answers what the bytes that were read ask for. */
static int
host_answer(struct host *h)
{
	const struct limits limits = LIMITS_DEFAULT;
	struct frame frame;
	struct scan s;
	int n = 0;

	for (;;) {
		uint64_t number;

		scan_init(&s, &limits);
		if (h->len == 0 ||
		    scan_feed(&s, h->bytes, h->len) != SCAN_FRAME)
			return n;
		scan_frame(&s, &frame);
		number = host_look(h, &frame);
		if (strcmp(h->method, "hello") == 0) {
			peer_greet(&h->peer, number, h->frame, h->feature);
		} else if (number != 0) {
			peer_answer(&h->peer, number, "done");
			n++;
		}
	}
}

int
host_serve(struct host *h)
{
	if (host_has(h->listener)) {
		if (h->peer.fd != -1)
			close(h->peer.fd);
		h->peer.fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
		h->len = 0;
	}
	if (host_gone(h) || !host_has(h->peer.fd))
		return 0;
	host_read(h);
	return host_answer(h);
}

bool
host_silent(struct host *h)
{
	if (!h->threaded)
		moro_dispatch(h->peer.m);
	return h->len == 0 && !host_ready(h, h->peer.fd);
}

uint64_t
host_take(struct host *h)
{
	uint64_t end = host_now() + PEER_WAIT_MS, number;

	if (h->peer.fd != -1)
		close(h->peer.fd);
	h->len = 0;
	while (!host_ready(h, h->listener))
		assert_true(host_now() < end);
	h->peer.fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_not_equal(h->peer.fd, -1);
	number = host_hear(h);
	assert_string_equal(h->method, "hello");
	return number;
}

void
host_accept(struct host *h)
{
	peer_greet(&h->peer, host_take(h), h->frame, h->feature);
	if (!h->threaded)
		moro_dispatch(h->peer.m);
}

void
host_begin(struct host *h)
{
	host_listen(h, 8);
	assert_int_equal(moro_start(h->peer.m, h->path), 0);
	host_accept(h);
}

void
host_hang_up(struct host *h)
{
	peer_hang_up(&h->peer);
	if (!h->threaded)
		moro_dispatch(h->peer.m);
}

void
host_ending_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct ending *e = user;

	(void)m;
	e->n++;
	e->code = moro_reply_code(reply);
	snprintf(e->reason, sizeof e->reason, "%s", moro_reply_reason(reply));
	snprintf(e->message, sizeof e->message, "%s",
	    moro_reply_message(reply));
	moro_reply_free(reply);
}

void
host_await(struct host *h, const struct ending *e, int n)
{
	uint64_t end = host_now() + PEER_WAIT_MS;

	while (e->n < n) {
		assert_true(host_now() < end);
		host_turn(h);
	}
	assert_int_equal(e->n, n);
}
