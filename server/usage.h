#ifndef MORO_SERVER_USAGE_H
#define MORO_SERVER_USAGE_H

/* What a process uses, by the kernel's word. */

#include <stdint.h>
#include <sys/types.h>

struct usage {
	uint64_t rss; /* bytes of memory that it has */
	uint64_t cpu_ms; /* that it ran, in user and system */
};

/*
 * Reads it of the process that pidfd stands for, whose number is pid. Returns
 * 0, or -1: it is gone, or cannot be read now.
 */
int usage_read(struct usage *u, pid_t pid, int pidfd);

#endif
