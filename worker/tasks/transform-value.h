#ifndef MORO_TASKS_TRANSFORM_VALUE_H
#define MORO_TASKS_TRANSFORM_VALUE_H

/* MessagePack values to libjq's and back, where both can say the same. */

#include <jv.h>
#include <msgpack.h>

#include "proto/limit.h"
#include "worker/call.h"

/* Containers in each other: one more stands around data and result. */
#define TRANSFORM_DEPTH_MAX ((int)LIMIT_DEPTH_MAX - 1)
/* Values of a result, keys included: its message has a few more. */
#define TRANSFORM_VALUES_MAX (LIMIT_VALUES_DEFAULT - 100)
/* Integers of libjq are doubles: beyond this they are not exact. */
#define TRANSFORM_INTEGER_MAX ((int64_t)1 << 53)

/*
 * Makes a value for libjq. What it cannot say is refused by its path: bytes,
 * extensions, NaN and infinity, integers beyond 2^53, keys that are no strings
 * or stand there twice, invalid UTF-8. Invalid, with the call's error set.
 */
jv transform_value_from(struct call *call, const char *name,
    const msgpack_object *value);

/*
 * Packs a value, which is borrowed, as the result. NaN becomes nil and infinity
 * the largest float, as jq prints them. Returns 0, or -1 with the error set.
 */
int transform_value_pack(struct call *call, jv value);

#endif
