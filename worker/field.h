#ifndef MORO_WORKER_FIELD_H
#define MORO_WORKER_FIELD_H

/* Fields in words, and values against fields. */

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

#include "worker/type.h"

#define FIELD_WORDS 200 /* bytes of a description, its NUL included */

/* The kind of a value; 0 for extensions and integers over int64. */
unsigned int field_kind(const msgpack_object *value);

/* Whether a field takes values of this kind. */
bool field_takes_kind(const struct field *f, const msgpack_object *value);

/* What the field takes: "an integer from 1 to 19". Long ones are cut. */
void field_takes(const struct field *f, char *out, size_t size);

/* What the value is: "a string of 3 bytes"; never a string's own bytes. */
void field_given(const msgpack_object *value, char *out, size_t size);

/* The same, but of numbers and booleans the kind alone: "an integer". */
void field_given_kind(const msgpack_object *value, char *out, size_t size);

/* Whether min and max hold for a value of a kind that the field takes; they do
 * for what has no measure. */
bool field_in_range(const struct field *f, const msgpack_object *value);

/* Whether the value is one of the strings that the field allows, if any. */
bool field_allows(const struct field *f, const msgpack_object *value);

/* The number of fields in a table. */
size_t field_count(const struct field *fields);

#endif
