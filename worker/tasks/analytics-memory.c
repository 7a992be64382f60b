#include "worker/tasks/analytics-memory.h"

#include <stdlib.h>

#define MEMORY_ALIGN sizeof(max_align_t)
#define MEMORY_BLOCK ((size_t)64 << 10) /* bytes, unless more is wanted */

struct analytics_block {
	struct analytics_block *next;
	max_align_t bytes[];
};

/* Begins a block of at least len bytes. Returns 0 or -1. */
static int
memory_grow(struct analytics_memory *m, size_t len)
{
	size_t size = len > MEMORY_BLOCK ? len : MEMORY_BLOCK;
	struct analytics_block *b;

	if (size > ANALYTICS_MEMORY_MAX - m->total)
		return call_too_large(m->call, "memory that the groups take",
		    ANALYTICS_MEMORY_MAX);
	b = calloc(1, sizeof *b + size);
	if (b == NULL)
		return call_no_memory(m->call);
	b->next = m->blocks;
	m->blocks = b;
	m->at = (uint8_t *)b->bytes;
	m->left = size;
	m->total += size;
	return 0;
}

void *
analytics_memory_take(struct analytics_memory *m, size_t len)
{
	void *p;

	len = (len + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
	if (len > m->left && memory_grow(m, len) < 0)
		return NULL;
	p = m->at;
	m->at += len;
	m->left -= len;
	return p;
}

void
analytics_memory_clear(struct analytics_memory *m)
{
	while (m->blocks != NULL) {
		struct analytics_block *b = m->blocks;

		m->blocks = b->next;
		free(b);
	}
	m->left = 0;
	m->total = 0;
}
