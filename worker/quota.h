#ifndef MORO_WORKER_QUOTA_H
#define MORO_WORKER_QUOTA_H

/*
 * What a worker may use of the machine. A task that wants more costs itself an
 * error, or its worker's life: then the page says that it was for memory.
 */

#include <stdint.h>

#include "proto/page.h"

struct quota {
	uint64_t memory; /* bytes (RLIMIT_DATA); these three, 0: no limit */
	uint64_t cpu_ms; /* of one task, in whole seconds (RLIMIT_CPU) */
	uint64_t files; /* descriptors (RLIMIT_NOFILE) */
};

/* Sets the limits of this process. Returns 0, or -1 with errno. */
int quota_apply(const struct quota *setup, struct page *page);

/* The process ends because there is no memory for a task: says so, if limited. */
void quota_blame_memory(void);

/* A task begins: its processor time counts from now on. */
void quota_begin(const struct quota *setup);

#endif
