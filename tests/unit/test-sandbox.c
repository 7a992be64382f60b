/* What a process in the dispatcher's sandbox can do to others: nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/landlock.h"
#include "worker/sandbox.h"
#include "worker/syscalls.h"

/* Says which of what it tries it could do: one bit each. */
static _Noreturn void
break_in(pid_t victim)
{
	int done = 0, fd;
	char path[64];

	if (sandbox_enter(SANDBOX_DISPATCHER) == -1)
		_exit(0x80);
	/* a folder of /proc is as good as a descriptor of the process */
	snprintf(path, sizeof path, "/proc/%d", (int)victim);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 ||
	    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
		done |= 1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 &&
	    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0)
		done |= 2;
	if (kill(victim, SIGKILL) == 0)
		done |= 4;
	if (open("/etc/passwd", O_RDONLY) != -1)
		done |= 8;
	if (open("/proc/self/mem", O_RDWR) != -1)
		done |= 16;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)victim);
	if (open(path, O_RDONLY | O_CLOEXEC) == -1)
		done |= 32; /* which it needs */
	_exit(done);
}

static void
test_dispatcher(void **state)
{
	pid_t victim, attacker;
	int status;

#ifdef MORO_SANITIZED
	skip(); /* what a sanitizer reads is open */
#endif
	if (landlock_version() == 0 || !syscalls_can())
		skip();
	victim = fork();
	if (victim == 0) {
		for (;;)
			pause();
	}
	assert_int_equal(sandbox_make(), 0);
	attacker = fork();
	if (attacker == 0)
		break_in(victim);
	assert_int_equal(waitpid(attacker, &status, 0), attacker);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(waitpid(victim, &status, WNOHANG), 0);
	kill(victim, SIGKILL);
	assert_int_equal(waitpid(victim, &status, 0), victim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dispatcher),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
