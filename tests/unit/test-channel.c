/* What master and dispatcher tell each other, and when one of them is hung. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/channel.h"

struct ends {
	int master, dispatcher;
};

static int
setup(void **state)
{
	static struct ends e;
	int fds[2];

	if (channel_pair(fds) == -1)
		return -1;
	e = (struct ends){fds[0], fds[1]};
	*state = &e;
	return 0;
}

static int
teardown(void **state)
{
	const struct ends *e = *state;

	close(e->master);
	close(e->dispatcher);
	return 0;
}

/* Receives a message without descriptors; gives what came of it. */
static int
receive(int fd, struct message *m)
{
	int fds[FDPASS_MAX];
	size_t n;
	int rc = channel_receive(fd, m, fds, &n);

	if (rc == 1)
		assert_int_equal(n, 0);
	return rc;
}

/* Sends until the other end takes no more. Gives how many it took. */
static uint64_t
fill(int fd)
{
	struct message m = {.type = MSG_MASTER_SCALE};

	while (channel_send(fd, &m, NULL, 0, MSG_DONTWAIT) == 0)
		m.n++;
	assert_int_equal(errno, EAGAIN);
	return m.n;
}

/* All that was sent is there, and in order. */
static void
assert_filled(int fd, uint64_t n)
{
	struct message m;

	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(receive(fd, &m), 1);
		assert_int_equal(m.n, i);
	}
}

/* A message is a packet: no other length is one. */
static void
test_other_lengths(void **state)
{
	const struct ends *e = *state;
	struct message m[2] = {{.n = 7}, {.n = 8}};

	assert_int_equal(send(e->master, m, sizeof *m - 1, 0), sizeof *m - 1);
	assert_int_equal(send(e->master, m, sizeof *m + 1, 0), sizeof *m + 1);
	assert_int_equal(channel_send(e->master, m, NULL, 0, 0), 0);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		assert_int_equal(receive(e->dispatcher, &m[1]), -1);
		assert_int_equal(errno, EPROTO);
	}
	assert_int_equal(receive(e->dispatcher, &m[1]), 1);
	assert_int_equal(m[1].n, 7);
	assert_int_equal(receive(e->dispatcher, &m[1]), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Who does not wait may try again. */
static void
test_full(void **state)
{
	const struct ends *e = *state;
	struct message m = {.type = MSG_MASTER_STOP};
	uint64_t n = fill(e->master);

	assert_filled(e->dispatcher, n);
	assert_int_equal(channel_send(e->master, &m, NULL, 0, MSG_DONTWAIT), 0);
	assert_int_equal(receive(e->dispatcher, &m), 1);
	assert_int_equal(m.type, MSG_MASTER_STOP);
}

/*
 * A dispatcher that has missed a message for good finds the end of the channel
 * behind those that it has got.
 */
static void
test_hung(void **state)
{
	const struct ends *e = *state;
	struct message m = {.type = MSG_MASTER_STOP};
	struct timeval limit;
	socklen_t len = sizeof limit;
	uint64_t n;

	assert_int_equal(getsockopt(e->master, SOL_SOCKET, SO_SNDTIMEO, &limit,
			     &len),
	    0);
	assert_int_equal(limit.tv_sec, 2);
	/* it is not waited for here */
	limit = (struct timeval){.tv_usec = 1};
	assert_int_equal(setsockopt(e->master, SOL_SOCKET, SO_SNDTIMEO, &limit,
			     sizeof limit),
	    0);
	n = fill(e->master);
	assert_int_equal(channel_send(e->master, &m, NULL, 0, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_filled(e->dispatcher, n);
	assert_int_equal(receive(e->dispatcher, &m), 0);
	assert_int_equal(channel_send(e->master, &m, NULL, 0, 0), -1);
	assert_int_equal(errno, EPIPE);
}

/* Without descriptors there is none. */
static void
test_no_descriptors(void **state)
{
	struct rlimit before, none;
	int fds[2], rc, err;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = channel_pair(fds);
	err = errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(err, EMFILE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_other_lengths, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hung, setup, teardown),
	    cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
