#ifndef MORO_SERVER_CHUNK_H
#define MORO_SERVER_CHUNK_H

/*
 * Counted buffers. What came in with one read stands in a chunk; tasks and
 * outputs that use it in place hold references.
 */

#include <stddef.h>
#include <stdint.h>

#define CHUNK_READ ((size_t)256 << 10) /* for one read */

struct chunk {
	uint32_t refs;
	size_t cap;
	uint8_t bytes[];
};

/* Makes a chunk of cap bytes with one reference, or NULL. */
struct chunk *chunk_new(size_t cap);

/* Takes one more reference; gives c back. */
struct chunk *chunk_ref(struct chunk *c);

/* Drops a reference; the last one frees it. NULL is fine. */
void chunk_unref(struct chunk *c);

/*
 * The same for chunks of CHUNK_READ bytes, of which a few are kept for
 * the next read.
 */
struct chunk *chunk_take(void);

/* Frees what is kept. */
void chunk_clear(void);

#endif
