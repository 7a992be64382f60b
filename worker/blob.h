#ifndef MORO_WORKER_BLOB_H
#define MORO_WORKER_BLOB_H

/*
 * Bytes that a task reads once from the first to the last; they may stand in
 * the message or in a file. For fields that have `streams` set: what other
 * fields hold always is in memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

struct call;

struct blob {
	const char *field; /* for errors */
	const uint8_t *bytes; /* in memory; NULL: in a file */
	int fd;
	uint64_t offset; /* of the next byte in the file */
	uint64_t len; /* of the whole */
	uint64_t left; /* bytes that were not given out */
	size_t piece; /* bytes that blob_next() reads at most; may be set */
	/*
	 * May be set by who reads each byte once and decides nothing by it: a
	 * memfd that cannot shrink (F_SEAL_SHRINK, fcntl(2)) is then read in
	 * place, although its owner may write to it meanwhile.
	 */
	bool in_place;
};

#define BLOB_PIECE ((size_t)128 << 10) /* stays in the processor's cache */
#define BLOB_PIECE_MAX ((size_t)1 << 20)

/* Begins to read a bound field, which is str, bin or a range of a file. */
int blob_init(struct blob *b, struct call *call, const char *field,
    const msgpack_object *arg);

/* Whether it stands in a file. */
static inline bool
blob_is_file(const struct blob *b)
{
	return b->bytes == NULL && b->fd != -1;
}

/*
 * Gives the next bytes, borrowed until the next call; *len 0: that was all.
 * Returns 0, or -1 with the call's error set.
 */
int blob_next(struct blob *b, struct call *call, const uint8_t **at,
    size_t *len);

/* Copies the next bytes, at most len, and stays. Returns how many. */
size_t blob_peek(const struct blob *b, uint8_t *to, size_t len);

/* Overwrites what was read last. */
void blob_wipe(void);

#endif
