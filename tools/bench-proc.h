#ifndef MORO_TOOLS_BENCH_PROC_H
#define MORO_TOOLS_BENCH_PROC_H

/* What the kernel tells of other processes in /proc. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The processes whose parent is pid; returns how many, at most max. */
size_t proc_children(pid_t pid, pid_t *out, size_t max);

/* The name of a process as `ps -o comm` has it; "" when it is gone. */
void proc_name(pid_t pid, char *out, size_t size);

/* Bytes of memory that no other process shares (USS); 0: not known. */
uint64_t proc_private(pid_t pid);

/* How often it went to sleep by itself: once for each wake-up. */
uint64_t proc_sleeps(pid_t pid);

/*
 * CPU time in s that all processes of the machine have used, and that this one
 * and those it has waited for have.
 */
double proc_cpu_all(void);
double proc_cpu_own(void);

#endif
