#ifndef MORO_WORKER_INPUT_H
#define MORO_WORKER_INPUT_H

/*
 * What the dispatcher sends to a worker: a buffer of messages that wait for
 * their turn. What a message held is wiped when it is done with, if it may be
 * a secret.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/fdpass.h"
#include "proto/scan.h"

struct input {
	int sock; /* blocking */
	int fds[FDPASS_AHEAD]; /* that came, of messages that are unread */
	uint32_t n_fds;
	uint8_t *bytes; /* cap of them; those from start to end are unread */
	size_t start;
	size_t end;
	size_t cap;
	struct scan scan;
};

/* Makes an empty input. */
void input_init(struct input *in, int sock, const struct limits *limits);
void input_clear(struct input *in);

/* Whether a whole message is there; it begins at input_at(). */
bool input_next(struct input *in, struct frame *frame);

static inline const uint8_t *
input_at(const struct input *in)
{
	return in->bytes + in->start;
}

/* Waits for more bytes. False: the dispatcher is gone. */
bool input_read(struct input *in);

/* Takes the descriptors of the message that is read next. */
void input_take_fds(struct input *in, int *fds, uint32_t n);

/* Drops the message of `size` bytes that is done with. */
void input_consume(struct input *in, size_t size, bool secret);

/* Gives back the room for a large message, when nothing is unread. */
void input_rest(struct input *in);

#endif
