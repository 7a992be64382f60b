#ifndef MORO_TASKS_ANALYTICS_SCALAR_H
#define MORO_TASKS_ANALYTICS_SCALAR_H

/*
 * Values that groups are made by and that are counted as distinct: nil,
 * booleans, finite numbers, strings, bytes. As bytes, equal values look the
 * same: those are the keys of the table of groups.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#define ANALYTICS_SCALAR_TAKES \
	"a string, bytes, a finite number, true, false or nil"

/* Bytes that the value takes; 0: it is none of those. NULL counts as nil. */
size_t analytics_scalar_size(const msgpack_object *value);

/* Writes so many bytes of such a value. */
void analytics_scalar_write(const msgpack_object *value, uint8_t *out);

/* Packs the value that is written at bytes; gives what stands behind it. */
const uint8_t *analytics_scalar_pack(const uint8_t *bytes, msgpack_packer *pk);

/*
 * Compares two written values and passes them, if they are equal: nil, false,
 * true, numbers, strings, bytes.
 */
int analytics_scalar_compare(const uint8_t **a, const uint8_t **b);

/*
 * A hash of the value, the same in every process and version: sketches of
 * different workers are merged. False: it is no scalar.
 */
bool analytics_scalar_hash(const msgpack_object *value, uint64_t *hash);

#endif
