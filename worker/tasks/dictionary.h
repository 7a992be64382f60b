#ifndef MORO_TASKS_DICTIONARY_H
#define MORO_TASKS_DICTIONARY_H

/*
 * Dictionaries of zstd, as the library digests them: that costs more than to
 * compress a short text, so the last ones are kept.
 */

#include <msgpack.h>
#include <zstd.h>

struct call;

#define DICTIONARY_MIN 8 /* bytes; the library ignores shorter ones */
#define DICTIONARY_MAX ((int64_t)1 << 20)
#define DICTIONARY_KEEP 8 /* that are kept */
#define DICTIONARY_KEEP_BYTES ((size_t)16 << 20) /* of all that are kept */

/*
 * Gives a dictionary, digested for a level or for decompression, until
 * dictionary_trim(). NULL: the call's error is set.
 */
const ZSTD_CDict *dictionary_compress(struct call *call,
    const msgpack_object *bytes, int level);
const ZSTD_DDict *dictionary_decompress(struct call *call,
    const msgpack_object *bytes);

/* Frees what is over the bounds, the least recently used first. */
void dictionary_trim(void);

/* How many are kept, and the bytes that they take. */
size_t dictionary_kept(size_t *bytes);

#endif
