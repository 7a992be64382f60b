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

/*
 * From now on the process may take so many bytes more than it has, or fewer if
 * its limit is nearer. For libraries that do not bound their memory themselves.
 * Returns 0, or -1 with errno; then it may take what it could before.
 */
int quota_allow(uint64_t bytes);

/* Ends that. */
void quota_restore(void);

/* A task begins: its processor time counts from now on. */
void quota_begin(const struct quota *setup);

#endif
