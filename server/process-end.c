/* How processes end: by us, or by themselves. */
#include "server/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/log.h"

void
process_kill(int pidfd)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == -1 &&
	    errno != ESRCH)
		log_warning("cannot kill a worker: %s", strerror(errno));
}

pid_t
process_dead(void)
{
	siginfo_t info = {.si_pid = 0};

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return -1;
	return info.si_pid;
}

int
process_reap(pid_t pid)
{
	int status = 0;

	/* a group of that number is the child's own, or there is none */
	kill(-pid, SIGKILL);
	waitpid(pid, &status, WNOHANG);
	return status;
}

bool
process_was_stopped(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

const char *
process_signal_name(int sig)
{
	static char name[32];
	const char *abbrev = sigabbrev_np(sig);

	if (abbrev != NULL)
		snprintf(name, sizeof name, "SIG%s", abbrev);
	else
		snprintf(name, sizeof name, "signal %d", sig);
	return name;
}
