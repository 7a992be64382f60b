#include "worker/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/log.h"

/*
 * Not by a session of its own, if that can be: the kernel would take each for a
 * group to be scheduled apart (autogroup, sched(7)), which pushes the dispatcher
 * aside whenever it wakes a worker: a third of the throughput of tasks that are
 * handed over one at a time.
 */
void
isolate_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd == -1 && errno != ENXIO) {
		setsid(); /* slower, but sure */
		return;
	}
	setpgid(0, 0);
	if (fd == -1)
		return; /* there is none */
	ioctl(fd, TIOCNOTTY);
	close(fd);
}

void
isolate_input(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1)
		fatal("/dev/null: %s", strerror(errno));
	close(fd);
}

void
isolate_output(int pipe)
{
	if (dup2(pipe, STDOUT_FILENO) == -1 || dup2(pipe, STDERR_FILENO) == -1)
		fatal("stdout and stderr: %s", strerror(errno));
}

void
isolate_environment(void)
{
	static char *none[] = {NULL}; /* libjq takes no NULL for empty */
	const char *zone = getenv("TZ");

	environ = none;
	if (zone != NULL && setenv("TZ", zone, 1) == -1)
		fatal("cannot clear the environment: %s", strerror(errno));
}

void
isolate_core(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
}

void
isolate_dumps(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
