#ifndef MORO_CLIENT_CONTAINER_H
#define MORO_CLIENT_CONTAINER_H

/*
 * A MessagePack map or array under construction. What is in it stands behind
 * room for the longest header; a shorter header is written against it, so that
 * the bytes are in one piece however many there are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "client/buffer.h"

enum container_kind {
	CONTAINER_MAP, /* counts pairs */
	CONTAINER_ARRAY,
};

struct container {
	enum container_kind kind;
	struct buffer bytes;
	msgpack_packer pk;
	uint32_t n;
	size_t head; /* bytes of the header that are used */
	bool broken; /* memory ran out, or a value was none */
};

/* Returns 0, or -1: no memory. */
int container_init(struct container *c, enum container_kind kind);

/* Wipes and frees. */
void container_clear(struct container *c);

/*
 * Begins a pair or an element; gives what packs it, or NULL: nothing can be
 * packed.
 */
msgpack_packer *container_next(struct container *c);

/* Packs what a value is; NULL for a packer packs nothing. */
void container_text(struct container *c, msgpack_packer *pk, const char *text);
void container_bytes(struct container *c, msgpack_packer *pk, const void *bytes,
    size_t len);
void container_number(struct container *c, msgpack_packer *pk, int64_t number);
void container_real(struct container *c, msgpack_packer *pk, double number);
void container_flag(struct container *c, msgpack_packer *pk, int flag);
void container_value(struct container *c, msgpack_packer *pk, const void *value,
    size_t len);

/* Adds all that is in another of the same kind. */
void container_merge(struct container *c, const struct container *other);

/* The whole, header included; NULL and 0: it is broken. */
const void *container_data(const struct container *c);
size_t container_size(const struct container *c);

#endif
