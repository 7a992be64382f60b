#ifndef MORO_TOOLS_VIEW_H
#define MORO_TOOLS_VIEW_H

/*
 * Looks into what the server answered, and writes numbers for people. What a
 * newer server adds is passed over, what an older one lacks is 0 or "-".
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <msgpack.h>

typedef const msgpack_object *value;

#define VIEW_WORDS 24 /* bytes of a number in words */
#define VIEW_TEXT 512 /* bytes of a text that was made printable */

/* The field of a map, or NULL. */
value view_field(value map, const char *name);

/* The number in a field, whole or not; 0: none. */
uint64_t view_number(value map, const char *name);
double view_real(value map, const char *name);

/* Whether a field has a number; is true. */
bool view_has_number(value map, const char *name);
bool view_true(value map, const char *name);

/*
 * Copies the text in a field, "-" if there is none; what a terminal would act
 * on becomes '?'. Gives `out`.
 */
const char *view_text(char out[VIEW_TEXT], value map, const char *name);

/*
 * The same in exactly so many columns: what is too long is cut, what is shorter
 * has spaces behind it.
 */
const char *view_fit(char out[VIEW_TEXT], value map, const char *name,
    int columns);

/* The same as view_text() with text that has no field. */
const char *view_clean(char out[VIEW_TEXT], const char *text, size_t len);

/* Whether a field is this text. */
bool view_is(value map, const char *name, const char *text);

/* The elements of an array; none: an empty one. */
const msgpack_object_array *view_array(value v);

/*
 * Numbers in at most six columns: "1.20ms", "2h46m", "12.5M", "1.23M". They
 * write to `out` and give it.
 */
const char *view_us(char out[VIEW_WORDS], double us);
const char *view_size(char out[VIEW_WORDS], uint64_t bytes);
const char *view_count(char out[VIEW_WORDS], uint64_t n);

/* The same of a field in ms, or bytes; "-": there is none. */
const char *view_ms_of(char out[VIEW_WORDS], value map, const char *name);
const char *view_size_of(char out[VIEW_WORDS], value map, const char *name);

/* A stream into memory; complains when there is no memory for it. */
FILE *view_open(char **text, size_t *len);

/*
 * Puts what it gathered on standard output, and frees it. Gives the exit code.
 */
int view_done(FILE *out, char **text, size_t *len);

#endif
