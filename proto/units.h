#ifndef MORO_PROTO_UNITS_H
#define MORO_PROTO_UNITS_H

/*
 * Numbers with units, as people write them in options and command lines. The
 * whole text must be one number and one unit; nothing is guessed.
 */

#include <stdint.h>

/*
 * Reads a duration: digits (a fraction of at most three digits is allowed)
 * and one of ms, s, m, h, d, w. `bare_ms` is what a number without a unit
 * counts in milliseconds; 0: a unit is required. Returns 0, or -1 with *out
 * untouched when the text is no duration or over LIMIT_TIME_MS_MAX.
 */
int units_duration(const char *text, uint64_t bare_ms, uint64_t *out);

/* Reads bytes: digits and none or one of K, M, G (powers of 1,024). */
int units_size(const char *text, uint64_t *out);

/* Reads a plain number from min to max: digits only. */
int units_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* What units_duration() takes, for error messages. */
#define UNITS_DURATION_TAKES "a duration such as 500ms, 5s, 2m or 1h"

#endif
