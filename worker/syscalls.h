#ifndef MORO_WORKER_SYSCALLS_H
#define MORO_WORKER_SYSCALLS_H

/*
 * Which system calls a process may make, as a program for the kernel
 * (seccomp). A process that makes one of those that nothing honest needs is
 * killed; all others that are not allowed fail with EPERM: libraries try things
 * that they can do without.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <linux/filter.h>

/* Who, and what it does beyond the rest; or them together. */
enum syscalls_for {
	SYSCALLS_WORKER = 1 << 0,
	SYSCALLS_DISPATCHER = 1 << 1,
	SYSCALLS_THREADS = 1 << 2, /* starts threads */
	SYSCALLS_CODE = 1 << 3, /* makes code at run time, and runs it */
	SYSCALLS_FILES = 1 << 4, /* opens files: which, Landlock says */
	SYSCALLS_WRITES = 1 << 5, /* makes, changes and removes them, too */
};

/* Whether the kernel takes such programs. */
bool syscalls_can(void);

/*
 * What is wrong with a call as one that somebody asks for: it is not known, or
 * is never allowed. NULL: nothing.
 */
const char *syscalls_flaw(const char *name);

/*
 * Makes the program of who is `who`, with the `n` calls more. Its filter is for
 * free(). Returns 0, or -1 with errno.
 */
int syscalls_make(unsigned int who, const char *const *more, size_t n,
    struct sock_fprog *program);

/*
 * Puts the program in force for this process, all its threads and its children.
 * It may send signals to itself alone, so the program is changed for it: call
 * it once in a process. Needs no_new_privs. Returns 0, or -1 with errno.
 */
int syscalls_enter(const struct sock_fprog *program);

#endif
