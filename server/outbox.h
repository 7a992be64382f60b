#ifndef MORO_SERVER_OUTBOX_H
#define MORO_SERVER_OUTBOX_H

/*
 * Bytes on their way out of one connection: small ones are copied behind one
 * another, large ones go by reference to the chunk they came in.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/chunk.h"
#include "server/fdset.h"

/* From this size on a reference is cheaper than a copy. */
#define OUTBOX_REFERENCE ((size_t)4 << 10)

struct piece {
	const uint8_t *at;
	size_t len;
	struct chunk *chunk; /* holds the bytes */
	struct fdset *fdset; /* goes with the first byte, or NULL */
};

struct outbox {
	struct piece *pieces; /* ring of cap pieces, n from head on */
	uint32_t head;
	uint32_t n;
	uint32_t cap;
	bool secret; /* some of what was copied may not stay in memory */
	bool failed; /* what came last is not whole: nothing may follow it */
	struct chunk *flat; /* being filled with small ones, or NULL */
	size_t flat_len;
	struct piece *tail; /* the last piece, if it ends where flat does */
	size_t bytes; /* in all pieces */
	uint64_t taken; /* bytes that the peer took, since the start */
	struct fdset *next_fdset; /* for the next byte that is appended */
};

void outbox_init(struct outbox *q);
void outbox_clear(struct outbox *q);

/* The next byte appended brings descriptors. Takes a reference. */
void outbox_attach(struct outbox *q, struct fdset *fdset);

/*
 * Without memory a message may be there in part, so what would follow it is
 * refused as well: what was appended is sent, and then the connection must end.
 */
void outbox_fail(struct outbox *q);

/* Appends a copy. Returns 0, or -1 when there is no memory. */
int outbox_copy(struct outbox *q, const void *bytes, size_t len);

/* outbox_room() where there is none behind the last piece. */
uint8_t *outbox_room_new(struct outbox *q, size_t len);

/*
 * Appends len bytes that the caller writes at once to the place that is given.
 * NULL: no memory. Mostly the last piece just gets longer.
 */
static inline uint8_t *
outbox_room(struct outbox *q, size_t len)
{
	uint8_t *at;

	if (q->tail == NULL || q->flat->cap - q->flat_len < len)
		return outbox_room_new(q, len);
	at = q->flat->bytes + q->flat_len;
	q->flat_len += len;
	q->tail->len += len;
	q->bytes += len;
	return at;
}

/*
 * What was copied since it was empty, and is until it is so again, is secret: it
 * is overwritten once it is gone. The chunks of others say that themselves.
 */
static inline void
outbox_set_secret(struct outbox *q)
{
	q->secret = true;
}

/* Appends bytes that stand in a chunk: by reference, or a copy if short. */
int outbox_add(struct outbox *q, const uint8_t *at, size_t len,
    struct chunk *chunk);

enum outbox_status {
	OUTBOX_BROKEN = -1, /* with errno */
	OUTBOX_FULL, /* the socket takes no more now */
	OUTBOX_EMPTY, /* all is sent */
	OUTBOX_MORE, /* the rest is for the next turn */
};

/* Sends what the socket takes, up to a turn's share. */
enum outbox_status outbox_send(struct outbox *q, int fd);

#endif
