#ifndef MORO_TASKS_TOKEN_TIMES_H
#define MORO_TASKS_TOKEN_TIMES_H

/* Times of tokens: options that are so many seconds, and nbf, exp and iat. */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <msgpack.h>

#include "worker/call.h"

#define TOKEN_TIMES_MAX INT64_C(3155760000) /* seconds: 100 years */
#define TOKEN_TIMES_ANY_AGE (-1)

/* What the times of a token are checked against. */
struct token_times {
	double now; /* seconds since 1970 */
	double leeway; /* seconds by which they may be missed */
	int64_t max_age; /* seconds, or TOKEN_TIMES_ANY_AGE */
	bool ignore_expiration;
	bool ignore_not_before;
};

/*
 * Reads an option that is a number of seconds, `min` to 100 years, or a
 * duration; what is less than a second is cut off.
 */
int token_times_seconds(struct call *call, const char *name,
    const msgpack_object *arg, int64_t min, int64_t *seconds);

/* Checks nbf and exp: NULL, or what is wrong. */
const char *token_times_check(const struct token_times *times,
    const json_t *payload);

/* The same with iat, by which a token can be too old. */
const char *token_times_check_age(const struct token_times *times,
    const json_t *payload);

#endif
