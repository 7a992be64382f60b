/* Who is at the other end of a socket. */

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/peer.h"

#define GROUPS 100 /* more than there is room for at first */
#define FIRST ((gid_t)50000)
#define STATUS 7

/* Who has made the pair is at both ends. */
static void
test_self(void **state)
{
	struct peer p;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(peer_of(fds[0], &p), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.groups[0], getegid());
	assert_true(peer_in(&p, getegid()));
	assert_false(peer_in(&p, (gid_t)-2));
	peer_clear(&p);
	assert_false(peer_in(&p, getegid()));
	close(fds[0]);
	close(fds[1]);
}

/* In a process that is in many groups: whether all of them are known. */
static bool
knows_all(void)
{
	gid_t groups[GROUPS];
	struct peer p;
	bool right;
	int fds[2];

	for (gid_t i = 0; i < GROUPS; i++)
		groups[i] = FIRST + i;
	right = setgroups(GROUPS, groups) == 0 &&
		socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 &&
		peer_of(fds[0], &p) == 0 && p.n_groups == GROUPS + 1 &&
		p.groups[0] == getegid() && !peer_in(&p, FIRST + GROUPS);
	for (gid_t i = 0; right && i < GROUPS; i++)
		right = peer_in(&p, FIRST + i);
	peer_clear(&p);
	return right;
}

static void
test_many_groups(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip(); /* it is root's to say who is in which groups */
	pid = fork();
	if (pid == 0)
		exit(knows_all() ? STATUS : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS);
}

/* Of whom the kernel does not say who it is, nothing is known. */
static void
test_nobody(void **state)
{
	int alone = socket(AF_UNIX, SOCK_STREAM, 0);
	struct peer p;

	assert_int_equal(peer_of(alone, &p), -1);
	assert_int_equal(p.uid, (uid_t)-1);
	assert_int_equal(p.n_groups, 0);
	assert_null(p.groups);
	close(alone);
	assert_int_equal(peer_of(alone, &p), -1);
	assert_int_equal(p.uid, (uid_t)-1);
	assert_int_equal(p.n_groups, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_self),
	    cmocka_unit_test(test_many_groups),
	    cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
