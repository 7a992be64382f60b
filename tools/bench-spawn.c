#include "tools/bench-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/bench-cleanup.h"

#define SPAWN_LOG_MODE 0600
#define SPAWN_CANNOT 127 /* exit status, as shells have it */

static cpu_set_t spawn_cpus; /* where we may run; set by spawn_pin() */

pid_t
spawn_fork(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t all, old;
	pid_t parent = getpid();
	pid_t pid;

	fflush(stdout);
	/* no signal may hit between the fork and the entry in the registry */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid > 0)
		cleanup_child(pid);
	if (pid == 0) {
		cleanup_disown();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAILURE);
		for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
			signal(signals[i], SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		cleanup_die("cannot fork: %s", strerror(errno));
	return pid;
}

pid_t
spawn_run(const char *const argv[], const char *log)
{
	pid_t pid = spawn_fork();
	int fd;

	if (pid != 0)
		return pid;
	if (log != NULL) {
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, SPAWN_LOG_MODE);
		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
		    dup2(fd, STDERR_FILENO) < 0)
			_exit(SPAWN_CANNOT);
	}
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(SPAWN_CANNOT);
}

int
spawn_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	cleanup_forget(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
spawn_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	spawn_wait(pid);
}

void
spawn_pin(void)
{
	cpu_set_t one;

	sched_getaffinity(0, sizeof spawn_cpus, &spawn_cpus);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &spawn_cpus)) {
			CPU_SET(i, &one);
			break;
		}
	}
	if (sched_setaffinity(0, sizeof one, &one) < 0)
		cleanup_die("cannot pin to one CPU: %s", strerror(errno));
}

void
spawn_unpin(void)
{
	sched_setaffinity(0, sizeof spawn_cpus, &spawn_cpus);
}

const char *
spawn_sibling(char *path, const char *relative, const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (n <= 0)
		return name;
	self[n] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	n = snprintf(path, SPAWN_PATH, "%s/%s", self, relative);
	return n < SPAWN_PATH && access(path, X_OK) == 0 ? path : name;
}

void *
spawn_alloc(size_t len)
{
	void *p = calloc(1, len);

	if (p == NULL)
		cleanup_die("out of memory");
	return p;
}
