#ifndef MORO_TASKS_TRANSFORM_FLAW_H
#define MORO_TASKS_TRANSFORM_FLAW_H

/* What libjq would take for something else without a word. */

#include <stdbool.h>
#include <stddef.h>

#define FLAW_SHOWN 40 /* bytes of a number in an error */
#define FLAW_FORMAT "%s has %s at byte %zu: %s" /* of whom, what, at, why */
#define FLAW_TEXT 160 /* bytes that such an error takes */

struct flaw {
	char what[FLAW_SHOWN + 1];
	size_t at;
	const char *why;
};

/*
 * Whether a double would change a number, which is a valid one: an integer
 * beyond 2^53 is rounded, others may be over what it can hold. `at` is not set.
 */
bool transform_flaw_number(const char *text, size_t len, struct flaw *flaw);

/*
 * Finds the first one in a JSON text: a NUL, behind which libjq does not look, or
 * such a number. A text `of_jq` may have what jq itself may have written:
 * integers beyond 2^53 in jq's own digits, nan, infinity.
 */
bool transform_flaw_find(const char *text, size_t len, bool of_jq,
    struct flaw *flaw);

#endif
