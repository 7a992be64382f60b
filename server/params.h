#ifndef MORO_SERVER_PARAMS_H
#define MORO_SERVER_PARAMS_H

/* Reads the map that a control method takes, by a table of its keys. */

#include <stdbool.h>
#include <stddef.h>

#include "proto/fault.h"
#include "proto/reader.h"

/* One key. */
struct params_key {
	const char *key;
	const char *takes; /* for the error: "a task type's name" */
	/* Takes the value; false: it is none that this key takes. */
	bool (*take)(void *to, const struct item *value);
};

/*
 * Reads the map whose head is `map`, or nil, and the rest of which r gives
 * next. False with the fault set: INVALID_ARGUMENT, with the field.
 */
bool params_read(struct reader *r, const struct item *map,
    const struct params_key *keys, size_t n, void *to, struct fault *fault);

#endif
