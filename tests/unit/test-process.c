/* Processes do not outlive who has started them, and have what they are given. */

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/process.h"

#define STATUS 7

/* Which signal the kernel sends this process when its parent dies. */
static int
bound_to(void)
{
	int sig = -1;

	return prctl(PR_GET_PDEATHSIG, &sig) == 0 ? sig : -1;
}

/* A process dies with its parent; one that has lost that can have it again. */
static void
test_bind(void **state)
{
	pid_t pid = process_fork();
	int status;

	if (pid == 0) {
		int first = bound_to();

		/* as when it becomes another user */
		prctl(PR_SET_PDEATHSIG, 0);
		exit(first == SIGKILL && process_bind() == 0 &&
			     bound_to() == SIGKILL
			 ? STATUS
			 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS);
}

/* Lives on after its parent, and tries to be bound to it. */
static _Noreturn void
orphan(pid_t parent, int ready)
{
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(ready, "", 1) != 1)
		_exit(0);
	while (getppid() == parent)
		sched_yield();
	process_bind();
	_exit(STATUS);
}

/* Ends once its child is at work. */
static _Noreturn void
short_lived(void)
{
	pid_t self = getpid();
	int ready[2];
	char byte;

	if (pipe(ready) == -1)
		_exit(1);
	if (process_fork() == 0)
		orphan(self, ready[1]);
	_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
}

/* Whose parent is dead by then ends at once: the kernel would not see to it. */
static void
test_bind_too_late(void **state)
{
	int status;
	pid_t pid;

	/* the orphan's end is to be seen */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	if (pid == 0)
		short_lived();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* Of all descriptors those stay that are to, and the standard ones. */
static void
test_close_others(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int keep[] = {70, STDERR_FILENO, 50, 51, 70};
		bool right = true;

		for (int fd = 40; fd <= 80; fd++)
			right = right && dup2(STDERR_FILENO, fd) == fd;
		right = right && process_close_others(keep, 5) == 0;
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			right = right && is_open(fd);
		for (int fd = STDERR_FILENO + 1; fd <= 80; fd++)
			right = right && is_open(fd) ==
					     (fd == 50 || fd == 51 || fd == 70);
		_exit(right ? STATUS : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bind),
	    cmocka_unit_test(test_bind_too_late),
	    cmocka_unit_test(test_close_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
