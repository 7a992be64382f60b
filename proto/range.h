#ifndef MORO_PROTO_RANGE_H
#define MORO_PROTO_RANGE_H

/*
 * A range of a file that came as a descriptor, as it stands in a task's data
 * or result: MessagePack's extension type 77, proto/PROTOCOL.md, section 9.
 */

#include <stddef.h>
#include <stdint.h>

#define RANGE_EXT 77
#define RANGE_BODY 18 /* bytes of the extension's body */

struct range {
	uint8_t index; /* of the request's descriptors, from 0 */
	uint64_t offset; /* of the first byte in the file */
	uint64_t len; /* bytes */
};

/* Writes the body. */
void range_pack(uint8_t body[RANGE_BODY], const struct range *range);

/*
 * Reads a body of len bytes. Returns 0, or -1: it is none, or its end is past
 * what a file can have.
 */
int range_parse(struct range *range, const void *body, size_t len);

#endif
