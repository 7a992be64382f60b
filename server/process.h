#ifndef MORO_SERVER_PROCESS_H
#define MORO_SERVER_PROCESS_H

/* How every process of morod is started. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Forks. In the child (0) all signal handlers are the default ones, SIGTERM
 * and SIGINT are ignored (stopping is the master's business, also when a
 * terminal or a service manager signals the whole group), the signal mask is
 * empty, and the kernel kills it when the parent dies. -1 with errno.
 */
pid_t process_fork(void);

/*
 * Has the kernel kill this process when its parent dies: again, where it has
 * become another user, which undoes that. Returns 0 or -1 with errno.
 */
int process_bind(void);

/*
 * Opens /dev/null in the place of standard descriptors that are closed, so
 * that no socket takes their numbers. Returns 0 or -1 with errno.
 */
int process_standard_descriptors(void);

/* Names the process in ps and in its log lines: "dispatcher", "worker 2". */
void process_name(const char *role);

/*
 * Closes all descriptors above stderr but the n in keep, which need not be
 * sorted. Returns 0 or -1 with errno.
 */
int process_close_others(const int *keep, size_t n);

/* Opens a pidfd for a child. -1 with errno. */
int process_pidfd(pid_t pid);

/* Kills through a pidfd: it can hit no other process. */
void process_kill(int pidfd);

/*
 * A child that has ended and is not reaped yet: its number cannot be another's.
 * 0: there is none; -1: there are no children.
 */
pid_t process_dead(void);

/*
 * Reaps such a child; what its process group still has is killed before.
 * Returns its status.
 */
int process_reap(pid_t pid);

/* Whether it ended because it did what the sandbox ends a process for. */
bool process_was_stopped(int status);

/* What a signal is called, "SIGKILL"; never NULL, static. */
const char *process_signal_name(int sig);

#endif
