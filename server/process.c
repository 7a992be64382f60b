#include "server/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "server/log.h"

#define KEEP_MAX 8

static pid_t process_parent; /* who has forked this one */

/* Puts all signals back to their defaults, but for those to ignore. */
static void
process_reset_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	struct sigaction sa = {.sa_handler = SIG_DFL};

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL); /* a few cannot be set: ignoring */
	sa.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		sigaction(ignored[i], &sa, NULL);
}

int
process_bind(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	if (getppid() != process_parent)
		_exit(EXIT_FAILURE); /* it died before the line above */
	return 0;
}

pid_t
process_fork(void)
{
	sigset_t all, none, old;
	pid_t parent = getpid();
	pid_t pid;
	int saved;

	/* No handler may run in the child before it is reset there. */
	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	saved = errno;
	if (pid != 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		errno = saved;
		return pid;
	}
	process_parent = parent;
	process_bind();
	process_reset_signals();
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

int
process_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	return fd == -1 ? -1 : close(fd);
}

void
process_name(const char *role)
{
	char comm[16];

	setproctitle("%s", role);
	snprintf(comm, sizeof comm, "morod:%s", role);
	prctl(PR_SET_NAME, comm);
	log_set_role(role);
}

static int
process_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int
process_close_others(const int *keep, size_t n)
{
	int sorted[KEEP_MAX];
	unsigned int from = STDERR_FILENO + 1;

	assert(n <= KEEP_MAX);
	memcpy(sorted, keep, n * sizeof *keep);
	qsort(sorted, n, sizeof *sorted, process_compare);
	for (size_t i = 0; i < n; i++) {
		unsigned int fd = (unsigned int)sorted[i];

		if (fd > from &&
		    syscall(SYS_close_range, from, fd - 1, 0) == -1)
			return -1;
		if (fd >= from)
			from = fd + 1;
	}
	return (int)syscall(SYS_close_range, from, ~0u, 0);
}

int
process_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */
}
