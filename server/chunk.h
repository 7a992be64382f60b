#ifndef MORO_SERVER_CHUNK_H
#define MORO_SERVER_CHUNK_H

/*
 * Counted buffers. What came in with one read stands in a chunk; tasks and
 * outputs that use it in place hold references.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_READ ((size_t)256 << 10) /* for one read */

struct chunk {
	union {
		uint32_t refs;
		struct chunk *next; /* once nobody uses it */
	};
	size_t cap; /* as asked for, or a little more */
	size_t secret; /* bytes at its start among which secrets are */
	uint8_t bytes[];
};

/* Makes a chunk of at least cap bytes with one reference, or NULL. */
struct chunk *chunk_new(size_t cap);

/* Takes one more reference; gives c back. */
struct chunk *chunk_ref(struct chunk *c);

/*
 * Drops a reference; the last one frees it, and overwrites it before if there
 * are secrets in it, or leaves that to chunk_release(). NULL is fine.
 */
void chunk_unref(struct chunk *c);

/* There are secrets before this place: what stands there is not left behind. */
static inline void
chunk_set_secret(struct chunk *c, const uint8_t *end)
{
	size_t len = (size_t)(end - c->bytes);

	if (c->secret < len)
		c->secret = len;
}

/*
 * Bytes of it that nobody needs any more are overwritten: at once, or if it is
 * too many for that, with the last reference.
 */
void chunk_forget(struct chunk *c, uint8_t *at, size_t len);

/*
 * The same as chunk_new() for chunks of CHUNK_READ bytes, of which a few are
 * kept for the next read.
 */
struct chunk *chunk_take(void);

/*
 * Overwrites what is secret in large chunks that nobody uses, and gives back to
 * the system what is not kept of them; at most `bytes` of both. Returns true
 * when there is more.
 */
bool chunk_release(size_t bytes);

/* Bytes of chunks that chunk_release() has to overwrite. */
size_t chunk_washed(void);

/*
 * Called now and then: those for reading go when nothing was read since the last
 * call, and large ones of which so many were kept all that time, however much is
 * read. Returns true when something is still kept.
 */
bool chunk_retire(void);

/* Whether a chunk was taken since the last chunk_retire(). */
bool chunk_in_use(void);

/* Frees what is kept. */
void chunk_clear(void);

#endif
