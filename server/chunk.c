#include "server/chunk.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_KEPT 8 /* chunks for reading that wait for the next read */
#define LARGE_KEPT 256 /* larger ones, of at most so many bytes in all: */
#define LARGE_KEPT_BYTES ((size_t)256 << 20)
#define LARGE_STEP ((size_t)64 << 10) /* their sizes are multiples of this */

/* To overwrite more than this takes too long for one turn: it is done in pieces. */
#define CHUNK_WIPE_MAX ((size_t)4 << 20)

/* The dispatcher has one thread. */
static struct chunk *kept[CHUNK_KEPT];
static unsigned int n_kept;
static struct chunk *large[LARGE_KEPT];
static unsigned int n_large;
static size_t large_bytes;
static unsigned int idle_large; /* the fewest since the last chunk_retire() */
static bool used; /* since the last chunk_retire() */

/* Linked by `next`: large ones that are overwritten, from the end of what is secret on; */
static struct chunk *washed;
static size_t washed_bytes;
/* and those on their way back to the system, from their end on. */
static struct chunk *buried;

/* Bytes of the mapping that a large chunk is. */
static size_t
large_size(size_t cap)
{
	size_t size = sizeof(struct chunk) + cap;

	return (size + LARGE_STEP - 1) / LARGE_STEP * LARGE_STEP;
}

static bool
chunk_is_large(const struct chunk *c)
{
	return c->cap > CHUNK_READ;
}

/* Takes one that is kept, of the size or not much larger; or NULL. */
static struct chunk *
large_reuse(size_t size)
{
	for (unsigned int i = 0; i < n_large; i++) {
		struct chunk *c = large[i];

		if (large_size(c->cap) < size || large_size(c->cap) / 2 > size)
			continue;
		large[i] = large[--n_large];
		large_bytes -= large_size(c->cap);
		if (n_large < idle_large)
			idle_large = n_large;
		return c;
	}
	return NULL;
}

/*
 * Large chunks are mappings of their own, so that they can go back piece by
 * piece: freeing 64 MiB at once takes milliseconds.
 */
static struct chunk *
large_new(size_t cap)
{
	size_t size = large_size(cap);
	struct chunk *c;

	if (size < cap)
		return NULL;
	used = true;
	c = large_reuse(size);
	if (c != NULL)
		return c;
	c = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	c->cap = size - sizeof *c;
	return c;
}

static void
large_bury(struct chunk *c)
{
	c->next = buried;
	buried = c;
}

static void
large_keep(struct chunk *c)
{
	size_t size = large_size(c->cap);

	if (n_large == LARGE_KEPT || large_bytes + size > LARGE_KEPT_BYTES) {
		large_bury(c);
		return;
	}
	large[n_large++] = c;
	large_bytes += size;
}

struct chunk *
chunk_new(size_t cap)
{
	struct chunk *c;

	if (cap > CHUNK_READ) {
		c = large_new(cap);
	} else {
		c = malloc(sizeof *c + cap);
		if (c != NULL)
			c->cap = cap;
	}
	if (c == NULL)
		return NULL;
	c->secret = 0;
	c->refs = 1;
	return c;
}

struct chunk *
chunk_ref(struct chunk *c)
{
	c->refs++;
	return c;
}

/* Overwrites so many of the last bytes that are secret. */
static void
chunk_wipe(struct chunk *c, size_t bytes)
{
	c->secret -= bytes;
	explicit_bzero(c->bytes + c->secret, bytes);
}

/* Nobody uses it, and nothing secret is in it. */
static void
chunk_drop(struct chunk *c)
{
	if (chunk_is_large(c))
		large_keep(c);
	else if (c->cap == CHUNK_READ && n_kept < CHUNK_KEPT)
		kept[n_kept++] = c;
	else
		free(c);
}

void
chunk_forget(struct chunk *c, uint8_t *at, size_t len)
{
	if (len > CHUNK_WIPE_MAX)
		chunk_set_secret(c, at + len);
	else
		explicit_bzero(at, len);
}

void
chunk_unref(struct chunk *c)
{
	if (c == NULL)
		return;
	assert(c->refs > 0);
	if (--c->refs > 0)
		return;
	if (c->secret > CHUNK_WIPE_MAX) {
		c->next = washed;
		washed = c;
		washed_bytes += large_size(c->cap);
		return;
	}
	if (c->secret > 0)
		chunk_wipe(c, c->secret);
	chunk_drop(c);
}

struct chunk *
chunk_take(void)
{
	struct chunk *c;

	used = true;
	if (n_kept == 0)
		return chunk_new(CHUNK_READ);
	c = kept[--n_kept];
	c->refs = 1;
	return c;
}

/* Overwrites up to so many bytes. Returns how many are left to be done. */
static size_t
chunk_wash(size_t bytes)
{
	while (washed != NULL && bytes > 0) {
		struct chunk *c = washed;
		size_t part = c->secret < bytes ? c->secret : bytes;

		chunk_wipe(c, part);
		bytes -= part;
		if (c->secret > 0)
			break;
		washed = c->next;
		washed_bytes -= large_size(c->cap);
		used = true; /* who looks for what is kept looks once more */
		chunk_drop(c);
	}
	return bytes;
}

size_t
chunk_washed(void)
{
	return washed_bytes;
}

bool
chunk_release(size_t bytes)
{
	bytes = chunk_wash(bytes);
	while (buried != NULL && bytes > 0) {
		struct chunk *c = buried;
		size_t size = large_size(c->cap);
		size_t part = size < bytes ? size : bytes;

		if (part == size) {
			buried = c->next;
			munmap(c, size);
		} else {
			part -= part % LARGE_STEP;
			if (part == 0)
				break;
			munmap((uint8_t *)c + size - part, part);
			c->cap -= part;
		}
		bytes -= part;
	}
	return buried != NULL || washed != NULL;
}

bool
chunk_retire(void)
{
	while (!used && n_kept > 0)
		free(kept[--n_kept]);
	while (idle_large-- > 0) {
		struct chunk *c = large[--n_large];

		large_bytes -= large_size(c->cap);
		large_bury(c);
	}
	idle_large = n_large;
	used = false;
	return n_kept > 0 || n_large > 0;
}

bool
chunk_in_use(void)
{
	return used;
}

void
chunk_clear(void)
{
	chunk_wash(SIZE_MAX);
	used = false;
	idle_large = n_large;
	chunk_retire();
	chunk_release(SIZE_MAX);
}
