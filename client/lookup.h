#ifndef MORO_CLIENT_LOOKUP_H
#define MORO_CLIENT_LOOKUP_H

/* Finds values in maps that the scanner has passed. */

#include "proto/reader.h"

/* Bytes of one value. */
struct value {
	const uint8_t *at; /* borrowed; NULL: none */
	size_t len;
};

/* The value under a name in the map that v is; none: not a map, not there. */
struct value lookup_field(struct value v, const char *name);

/* The first header of v; READER_END when there is none. */
struct item lookup_item(struct value v);

/* The number that v, a negative integer, is. */
int64_t lookup_negative(struct value v);

#endif
