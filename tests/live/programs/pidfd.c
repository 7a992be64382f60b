/*
 * To be loaded before the C library under a valgrind that does not know
 * pidfd_open(): a descriptor of the process's folder stands in for a pidfd.
 * Nothing is signalled by it.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS 6 /* of a system call, at most */

static long
pidfd_stand_in(long pid)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%ld", pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

long
syscall(long number, ...)
{
	long (*next)(long, ...);
	long a[ARGS];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < ARGS; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_pidfd_open)
		return pidfd_stand_in(a[0]);
	*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
