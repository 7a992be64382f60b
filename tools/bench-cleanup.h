#ifndef MORO_TOOLS_BENCH_CLEANUP_H
#define MORO_TOOLS_BENCH_CLEANUP_H

/*
 * What must be gone when the benchmark ends, however it ends: its processes,
 * its files, its folder. One process, one registry.
 */

#include <sys/types.h>

/* Has SIGINT, SIGTERM, SIGHUP and exit() clean up; makes the folder. */
void cleanup_init(void);

/* The private folder, and a path in it that is removed at the end. */
const char *cleanup_folder(void);
const char *cleanup_file(const char *name);

/* Forgets the registry without touching anything: for a forked process. */
void cleanup_disown(void);

/* A process to kill at the end; and one that is gone already. */
void cleanup_child(pid_t pid);
void cleanup_forget(pid_t pid);

/* Prints "moro-bench: ...", cleans up and exits with status 1. */
void cleanup_die(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
