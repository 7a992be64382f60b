#ifndef MORO_TASKS_ANALYTICS_MEMORY_H
#define MORO_TASKS_ANALYTICS_MEMORY_H

/*
 * Memory of one task: taken in small pieces, given back as a whole, and never
 * more than a limit. glibc's obstack does the same, but ends the process
 * when there is none.
 */

#include <stddef.h>
#include <stdint.h>

#include "worker/call.h"

#define ANALYTICS_MEMORY_MAX ((size_t)256 << 20) /* bytes of all groups */

struct analytics_block;

struct analytics_memory {
	struct call *call; /* gets the error */
	struct analytics_block *blocks;
	uint8_t *at; /* what is free of the newest block */
	size_t left;
	size_t total; /* bytes of all blocks */
};

/* Gives len zero bytes for any type, or NULL with the call's error set. */
void *analytics_memory_take(struct analytics_memory *m, size_t len);

/* Gives all back. */
void analytics_memory_clear(struct analytics_memory *m);

#endif
