/*
 * Preloaded where morod runs under valgrind, which (3.19) knows no pidfds and no
 * close_range(): a folder of /proc stands for the process instead. It outlives
 * nothing but a kill of a process that is gone already, which then finds no name.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What syscall() is given in its registers. */
#define WORDS 6

/* Valgrind has its own descriptors above those of the program. */
#define FDS_OF_PROGRAM 1024

long syscall(long number, ...);

/* A descriptor that stands for the process. */
static long
pidfd_open_folder(long pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof path, "/proc/%ld", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		errno = ESRCH;
	return fd;
}

/* Signals the process that the descriptor stands for. */
static long
pidfd_signal(long fd, long sig)
{
	char path[32], target[64];
	ssize_t len;
	char *end;
	long pid;

	snprintf(path, sizeof path, "/proc/self/fd/%ld", fd);
	len = readlink(path, target, sizeof target - 1);
	if (len == -1)
		return -1;
	target[len] = '\0';
	pid = len > 6 ? strtol(target + 6, &end, 10) : 0; /* "/proc/" */
	if (pid <= 0 || *end != '\0') {
		errno = ESRCH; /* " (deleted)" */
		return -1;
	}
	return kill((pid_t)pid, (int)sig);
}

static long
close_each(unsigned long from, unsigned long to)
{
	if (to >= FDS_OF_PROGRAM)
		to = FDS_OF_PROGRAM - 1;
	for (unsigned long fd = from; fd <= to; fd++)
		close((int)fd);
	return 0;
}

long
syscall(long number, ...)
{
	static long (*next)(long, ...);
	long word[WORDS];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < WORDS; i++)
		word[i] = va_arg(ap, long);
	va_end(ap);
	switch (number) {
	case SYS_pidfd_open:
		return pidfd_open_folder(word[0]);
	case SYS_pidfd_send_signal:
		return pidfd_signal(word[0], word[1]);
	case SYS_close_range:
		return close_each((unsigned int)word[0], (unsigned int)word[1]);
	default:
		break;
	}
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	return next(number, word[0], word[1], word[2], word[3], word[4],
	    word[5]);
}
