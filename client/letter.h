#ifndef MORO_CLIENT_LETTER_H
#define MORO_CLIENT_LETTER_H

/*
 * The copy of a request that is kept to be sent on a connection to come: its
 * message, its descriptors, and the time that it has left.
 */

#include <stddef.h>
#include <stdint.h>

#include "client/buffer.h"
#include "client/failure.h"
#include "proto/fdpass.h"
#include "proto/scan.h"

/* The limits that go on while nobody but us keeps them. */
enum letter_limit {
	LETTER_TIMEOUT, /* since it was made */
	LETTER_QUEUE, /* of the times when it waits */
	LETTER_LIMITS,
};

struct letter_time {
	uint64_t ms; /* 0: no such limit */
	uint64_t since; /* monotonic ms, when it began */
	size_t at, len; /* where the message says it */
};

struct letter {
	uint8_t *bytes; /* owned */
	size_t len;
	struct letter_time times[LETTER_LIMITS];
	uint32_t n_fds;
	int fds[FDPASS_MAX]; /* our own duplicates */
};

/*
 * Copies the message that `frame` describes, and duplicates what goes with it;
 * its limits count from since. NULL: no memory or descriptors, with errno.
 */
struct letter *letter_new(const uint8_t *bytes, const struct frame *frame,
    const int *fds, uint32_t n, uint64_t since);

/* Wipes and frees. NULL is ignored. */
void letter_free(struct letter *l);

/*
 * Appends the message to `out`, with the time that is left in place of what it
 * had. Returns 0, or -1: no memory, and nothing is appended.
 */
int letter_pack(const struct letter *l, struct buffer *out, uint64_t now);

/* When the first of its limits is reached; UINT64_MAX: it has none. */
uint64_t letter_end(const struct letter *l);

/* The error of a letter whose limit is reached. */
void letter_expired(const struct letter *l, uint64_t now, const char *path,
    struct failure *f);

#endif
