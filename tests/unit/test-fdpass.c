/* Bytes with descriptors, and with what else the kernel may put beside them. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fdpass.h"

struct ends {
	int fds[2];
};

static int
setup(void **state)
{
	static struct ends e;

	*state = &e;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, e.fds);
}

static int
teardown(void **state)
{
	const struct ends *e = *state;

	close(e->fds[0]);
	close(e->fds[1]);
	return 0;
}

/* Descriptors that are open, of the first so many. */
static unsigned int
open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Has the kernel say with each message who sent it. */
static void
ask_who(const struct ends *e)
{
	const int on = 1;

	assert_int_equal(setsockopt(e->fds[1], SOL_SOCKET, SO_PASSCRED, &on,
			     sizeof on),
	    0);
}

/* Sends as many as there may be. */
static void
send_most(const struct ends *e)
{
	int sent[FDPASS_MAX];

	for (int i = 0; i < FDPASS_MAX; i++)
		sent[i] = e->fds[0];
	assert_int_equal(fdpass_send(e->fds[0], "text", 4, sent, FDPASS_MAX, 0),
	    4);
}

/* As many as there may be arrive, and programs that are started have none. */
static void
test_descriptors(void **state)
{
	const struct ends *e = *state;
	int got[FDPASS_MAX];
	char text[8];
	size_t n;

	send_most(e);
	assert_int_equal(fdpass_receive(e->fds[1], text, sizeof text, got, &n,
			     0),
	    4);
	assert_int_equal(n, FDPASS_MAX);
	while (n > 0) {
		assert_int_equal(fcntl(got[--n], F_GETFD), FD_CLOEXEC);
		close(got[n]);
	}
}

/* Who sent it is no descriptor. */
static void
test_credentials(void **state)
{
	const struct ends *e = *state;
	int got[FDPASS_MAX];
	char text[8];
	size_t n = 1;

	ask_who(e);
	assert_int_equal(fdpass_send(e->fds[0], "text", 4, NULL, 0, 0), 4);
	assert_int_equal(fdpass_receive(e->fds[1], text, sizeof text, got, &n,
			     0),
	    4);
	assert_int_equal(n, 0);
}

/* Where it takes the room of some descriptors, none stays open. */
static void
test_credentials_in_the_way(void **state)
{
	const struct ends *e = *state;
	int got[FDPASS_MAX];
	unsigned int before = open_fds();
	char text[8];
	size_t n = 1;

	ask_who(e);
	send_most(e);
	assert_int_equal(fdpass_receive(e->fds[1], text, sizeof text, got, &n,
			     0),
	    -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(n, 0);
	assert_int_equal(open_fds(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_credentials_in_the_way, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
