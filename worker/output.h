#ifndef MORO_WORKER_OUTPUT_H
#define MORO_WORKER_OUTPUT_H

/*
 * Bytes of answers: a buffer that grows up to a limit and is kept. It may begin
 * in a place that it was lent, and moves out of it when that gets too small.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	uint8_t *bytes; /* NULL while cap is 0 */
	size_t len;
	size_t cap;
	size_t used; /* bytes that were written or given as room, len or more */
	uint8_t *lent; /* the place to begin in, or NULL; never freed */
	size_t lent_cap;
	uint8_t *own; /* the buffer that was grown, or NULL */
	size_t own_cap;
	size_t max; /* appending past it fails */
	bool failed; /* memory or `max` ran out: len is not to be trusted */
	bool full; /* of the two, it was `max` */
	/*
	 * What is there may be a secret: it is wiped where it moves from. Set
	 * by call_run(), cleared by output_wipe().
	 */
	bool secret;
};

/* Makes an empty output that takes max bytes. */
void output_init(struct output *out, size_t max);

/* Lends an empty output a place to begin in. */
void output_lend(struct output *out, uint8_t *bytes, size_t cap);

/* Frees the bytes, wiped if they are secret. */
void output_clear(struct output *out);

/*
 * Empties it, and wipes what was there if it is secret. It begins in the lent
 * place again.
 */
void output_wipe(struct output *out);

/* Frees the buffer that was grown; the output must be empty. */
void output_rest(struct output *out);

/* Whether all that is there stands in the lent place. */
static inline bool
output_is_lent(const struct output *out)
{
	return out->bytes == out->lent;
}

/* Writer for msgpack_packer_init(); its data is a struct output. */
int output_write(void *output, const char *bytes, size_t len);

/* output_room() where there is none yet, or not allowed. */
uint8_t *output_room_new(struct output *out, size_t len);

/*
 * Gives len bytes of room behind what is there, or NULL with `failed` set.
 * Adds nothing; what an earlier call left in its room is still there. Inline:
 * an answer is written in some six pieces.
 */
static inline uint8_t *
output_room(struct output *out, size_t len)
{
	size_t most = out->max < out->cap ? out->max : out->cap;

	if (out->len > most || len > most - out->len)
		return output_room_new(out, len);
	if (out->used < out->len + len)
		out->used = out->len + len;
	return out->bytes + out->len;
}

#endif
