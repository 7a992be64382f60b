#ifndef MORO_TASKS_PLACE_H
#define MORO_TASKS_PLACE_H

/* Where a value stands inside another: "data.items[3].id". */

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#define PLACE_PATH 120 /* bytes of a path in an error, its NUL included */

/* One step of a list from a value up to the root, on the stack. */
struct place {
	const struct place *up; /* NULL: the root */
	const char *name; /* of the root */
	const msgpack_object *key; /* NULL: an element of an array */
	uint32_t index;
};

/* Writes the path of a place; a long one is cut. */
void place_path(const struct place *place, char *out, size_t size);

#endif
