#ifndef MORO_SERVER_ANSWER_H
#define MORO_SERVER_ANSWER_H

/* Answers to clients. Each of them is one whole response. */

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "proto/fault.h"
#include "server/client.h"
#include "server/packed.h"

/* An error, in the shape that the client understands. */
void answer_fault(struct client *c, uint64_t msgid, const struct fault *fault);

/* Bytes that are error and result together, as they came from a worker. */
void answer_raw(struct client *c, uint64_t msgid, const uint8_t *at, size_t len,
    struct chunk *chunk);

/*
 * For results of the dispatcher's own: begins a response into a buffer that
 * is packed further with the packer, and sends it.
 */
struct answer {
	struct packed packed;
	msgpack_packer pk;
};

void answer_begin(struct answer *a, uint64_t msgid);
void answer_end(struct answer *a, struct client *c);

/*
 * Tells a socket that is no client that there are as many as allowed; as far
 * as it takes that at once.
 */
void answer_refusal(int fd, uint64_t limit);

/* Packs a key or a text of a map. */
void answer_text(msgpack_packer *pk, const char *text);

/* Packs a key and its number. */
void answer_number(msgpack_packer *pk, const char *key, uint64_t n);

#endif
