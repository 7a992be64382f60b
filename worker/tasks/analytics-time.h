#ifndef MORO_TASKS_ANALYTICS_TIME_H
#define MORO_TASKS_ANALYTICS_TIME_H

/* Times of events. */

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

/* Farthest from 1970, as JavaScript's Date has it: 100 million days. */
#define ANALYTICS_TIME_MAX ((int64_t)8640000000000000)

#define ANALYTICS_TIME_TAKES                                       \
	"a time: a number since 1970, RFC 3339 text with a zone, " \
	"or a timestamp"

/*
 * Reads a time as milliseconds since 1970, cut downwards: a number of
 * milliseconds, or of seconds; text such as "2026-11-25T12:00:00.5Z"; a
 * MessagePack timestamp. Returns false when it is none or too far away.
 */
bool analytics_time_read(const msgpack_object *value, bool in_seconds,
    int64_t *ms);

/* The begin of the interval that a time is in, counted from 1970. */
int64_t analytics_time_bucket(int64_t ms, int64_t interval_ms);

#endif
