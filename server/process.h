#ifndef MORO_SERVER_PROCESS_H
#define MORO_SERVER_PROCESS_H

/* How every process of morod is started. */

#include <stddef.h>
#include <sys/types.h>

/*
 * Exit status of a worker whose set-up is wrong: another one would fail the
 * same way, so the master does not start it.
 */
#define PROCESS_EXIT_SETUP 100

/*
 * Forks. In the child (0) all signal handlers are the default ones, SIGTERM
 * and SIGINT are ignored (stopping is the master's business, also when a
 * terminal or a service manager signals the whole group), the signal mask is
 * empty, and the kernel kills it when the parent dies. -1 with errno.
 */
pid_t process_fork(void);

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
 * Waits for a child that has ended, and reaps it; what its process group still
 * has is killed before that, as long as the number cannot be another's. Returns
 * its pid, or 0 or -1 as waitpid() does with WNOHANG.
 */
pid_t process_reap(int *status);

/* What a signal is called, "SIGKILL"; never NULL, static. */
const char *process_signal_name(int sig);

#endif
