#ifndef MORO_TOOLS_BENCH_SPAWN_H
#define MORO_TOOLS_BENCH_SPAWN_H

/* Processes of the benchmark: none outlives it. */

#include <stddef.h>
#include <sys/types.h>

/*
 * Forks. In the new process (0) signals have their defaults and the kernel
 * kills it when the benchmark dies; the parent kills it at its end.
 */
pid_t spawn_fork(void);

/* Runs a program with its output in a file, or where ours goes when NULL. */
pid_t spawn_run(const char *const argv[], const char *log);

/* Waits for it to end and gives its exit status, or -1: a signal. */
int spawn_wait(pid_t pid);

/* Kills it and waits. */
void spawn_kill(pid_t pid);

/* Binds this process, and those it forks from now on, to CPU 0; undoes it. */
void spawn_pin(void);
void spawn_unpin(void);

#define SPAWN_PATH 4200 /* bytes of a program's path */

/*
 * The path of a program beside this one ("../server/morod"), written to path
 * of SPAWN_PATH bytes; where there is none its name, for PATH to find.
 */
const char *spawn_sibling(char *path, const char *relative, const char *name);

/* Memory or the end. */
void *spawn_alloc(size_t len);

#endif
