#include "server/usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USAGE_LINE 1024 /* bytes of /proc/PID/stat */
#define MS_PER_S 1000

/* Reads the line; false: it cannot be. */
static int
usage_line(char line[USAGE_LINE], pid_t pid)
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, line, USAGE_LINE - 1);
	close(fd);
	if (n <= 0)
		return -1;
	line[n] = '\0';
	return 0;
}

int
usage_read(struct usage *u, pid_t pid, int pidfd)
{
	char line[USAGE_LINE];
	const char *at;
	uint64_t user, sys;
	int64_t pages;

	/* If it lives after the reading, the number was not another's. */
	if (usage_line(line, pid) == -1 ||
	    syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == -1)
		return -1;
	/* its name may have anything in it, also brackets */
	at = strrchr(line, ')');
	if (at == NULL ||
	    sscanf(at,
		") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		" %" SCNu64 " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNd64,
		&user, &sys, &pages) != 3)
		return -1;
	u->cpu_ms = (user + sys) * MS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	u->rss = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
