#ifndef MORO_TASKS_ENCODING_H
#define MORO_TASKS_ENCODING_H

/* How crypto:* give bytes: as they are, or spelled as text. */

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

struct call;

#define ENCODING_DEFAULT "hex"

/* What a field `encoding` allows; ends with NULL. */
extern const char *const encoding_names[];

/*
 * Packs the bytes in the encoding that a bound field names; NULL: the default.
 * What is made on the way is wiped. Returns 0, or -1 with the error set.
 */
int encoding_pack(struct call *call, const msgpack_object *encoding,
    const uint8_t *bytes, size_t len);

#endif
