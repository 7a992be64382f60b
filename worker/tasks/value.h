#ifndef MORO_TASKS_VALUE_H
#define MORO_TASKS_VALUE_H

/* MessagePack values to JSON and back, where both can say the same. */

#include <stdbool.h>

#include <jansson.h>
#include <msgpack.h>

#include "proto/limit.h"
#include "worker/call.h"

/* Containers in each other: one more stands around a result. */
#define VALUE_DEPTH_MAX (LIMIT_DEPTH_MAX - 1)
#define VALUE_COUNT_MAX 10000 /* values in all, containers included */

/*
 * Makes JSON of a value; returns a new reference. What JSON cannot say is
 * refused by its path ("payload.a[3]"): bytes, extensions, NaN and infinity,
 * integers over int64, keys that are not strings or stand there twice, NUL in
 * strings, invalid UTF-8. NULL with the call's error set.
 */
json_t *value_to_json(struct call *call, const char *name,
    const msgpack_object *value);

/* Whether JSON keeps the limits above. */
bool value_fits(const json_t *json);

/* Packs JSON; it has passed value_fits(). */
void value_pack(const json_t *json, msgpack_packer *pk);

#endif
