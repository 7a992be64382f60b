#ifndef MORO_SERVER_PACKED_H
#define MORO_SERVER_PACKED_H

/*
 * Bytes that are packed piece by piece, and remember when there was no memory
 * for one of them: half a message would make rubbish of all that follows it.
 */

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

struct conn;

struct packed {
	msgpack_sbuffer buffer;
	bool failed; /* a piece is missing */
};

/* Has the packer write here. */
void packed_init(struct packed *p, msgpack_packer *pk);
void packed_clear(struct packed *p);

/* The same, and overwrites the bytes first. */
void packed_wipe(struct packed *p);

/* Appends bytes that are packed already. */
void packed_add(struct packed *p, const void *bytes, size_t len);

/* Sends it whole. Returns -1, for good, when there was no memory. */
int packed_send(const struct packed *p, struct conn *c);

#endif
