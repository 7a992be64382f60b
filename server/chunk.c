#include "server/chunk.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_KEPT 4

/* Chunks for reading that nobody uses; the dispatcher has one thread. */
static struct chunk *chunk_kept[CHUNK_KEPT];
static unsigned int chunk_n_kept;

struct chunk *
chunk_new(size_t cap)
{
	struct chunk *c = malloc(sizeof *c + cap);

	if (c == NULL)
		return NULL;
	c->refs = 1;
	c->cap = cap;
	return c;
}

struct chunk *
chunk_ref(struct chunk *c)
{
	c->refs++;
	return c;
}

void
chunk_unref(struct chunk *c)
{
	if (c == NULL)
		return;
	assert(c->refs > 0);
	if (--c->refs > 0)
		return;
	if (c->cap == CHUNK_READ && chunk_n_kept < CHUNK_KEPT)
		chunk_kept[chunk_n_kept++] = c;
	else
		free(c);
}

struct chunk *
chunk_take(void)
{
	struct chunk *c;

	if (chunk_n_kept == 0)
		return chunk_new(CHUNK_READ);
	c = chunk_kept[--chunk_n_kept];
	c->refs = 1;
	return c;
}

void
chunk_clear(void)
{
	while (chunk_n_kept > 0)
		free(chunk_kept[--chunk_n_kept]);
}
