#ifndef MORO_TASKS_TRANSFORM_PROGRAM_H
#define MORO_TASKS_TRANSFORM_PROGRAM_H

/* What a jq program's text is checked for before libjq compiles it. */

#include <stddef.h>

#include "worker/call.h"

/*
 * Names, numbers, strings and signs of a program. libjq compiles in a time that
 * grows with their square: these take it 3 s at the worst.
 */
#define TRANSFORM_WORDS_MAX 8000

/*
 * Refuses integers that libjq would round, and what it would compile for too
 * long, in a text without NUL. Returns 0, or -1 with the call's error set.
 */
int transform_program_check(struct call *call, const char *text, size_t len);

#endif
