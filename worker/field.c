#include "worker/field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_MEASURED (FIELD_NUMBER | FIELD_TEXT | FIELD_ARRAY)
#define FIELD_DIGITS 32 /* bytes of a float in words, its NUL included */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Kinds in words; the first that holds all bits left is taken. */
static const struct {
	unsigned int kinds;
	const char *words;
} field_words[] = {
    {FIELD_ANY, "any value"},
    {FIELD_TEXT, "a string or bytes"},
    {FIELD_NUMBER, "a number"},
    {FIELD_STR, "a string"},
    {FIELD_BIN, "bytes"},
    {FIELD_INT, "an integer"},
    {FIELD_FLOAT, "a float"},
    {FIELD_BOOL, "true or false"},
    {FIELD_MAP, "a map"},
    {FIELD_ARRAY, "an array"},
    {FIELD_NIL, "nil"},
};

/* Appends to a text that is cut where out is full. */
static void __attribute__((format(printf, 3, 4)))
field_add(char *out, size_t size, const char *format, ...)
{
	size_t len = strlen(out);
	va_list ap;

	va_start(ap, format);
	vsnprintf(out + len, size - len, format, ap);
	va_end(ap);
}

unsigned int
field_kind(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_STR:
		return FIELD_STR;
	case MSGPACK_OBJECT_BIN:
		return FIELD_BIN;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return FIELD_INT;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return value->via.u64 <= INT64_MAX ? FIELD_INT : 0;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return FIELD_FLOAT;
	case MSGPACK_OBJECT_BOOLEAN:
		return FIELD_BOOL;
	case MSGPACK_OBJECT_MAP:
		return FIELD_MAP;
	case MSGPACK_OBJECT_ARRAY:
		return FIELD_ARRAY;
	case MSGPACK_OBJECT_NIL:
		return FIELD_NIL;
	default:
		return 0;
	}
}

bool
field_takes_kind(const struct field *f, const msgpack_object *value)
{
	return f->kinds == FIELD_ANY || (field_kind(value) & f->kinds) != 0;
}

/* Adds the strings that are allowed: "a", "b" or "c". */
static void
field_add_allowed(const struct field *f, char *out, size_t size)
{
	for (size_t i = 0; f->allowed[i] != NULL; i++) {
		const char *before = i == 0		 ? ""
				     : f->allowed[i + 1] ? ", "
							 : " or ";

		field_add(out, size, "%s\"%s\"", before, f->allowed[i]);
	}
}

/* Adds what min and max mean for the kind of the field. */
static void
field_add_range(const struct field *f, char *out, size_t size)
{
	const char *unit = f->kinds & FIELD_TEXT    ? " bytes"
			   : f->kinds & FIELD_ARRAY ? " elements"
						    : "";

	if (f->min == 0 && f->max == 0)
		return;
	field_add(out, size, "%s%" PRId64 " to %" PRId64 "%s",
	    unit[0] == '\0' ? " from " : " of ", f->min, f->max, unit);
}

void
field_takes(const struct field *f, char *out, size_t size)
{
	unsigned int left = f->kinds;

	out[0] = '\0';
	if (f->allowed != NULL) {
		field_add_allowed(f, out, size);
		return;
	}
	for (size_t i = 0; i < COUNT(field_words); i++) {
		if ((left & field_words[i].kinds) != field_words[i].kinds)
			continue;
		left &= ~field_words[i].kinds;
		field_add(out, size, "%s%s",
		    out[0] == '\0' ? ""
		    : left == 0	   ? " or "
				   : ", ",
		    field_words[i].words);
	}
	field_add_range(f, out, size);
	if (f->named)
		field_add(out, size, ", or a map with the name of a key");
}

/* As a float, and with as many digits as it takes to be that one. */
static void
field_add_float(double number, char *out, size_t size)
{
	char text[FIELD_DIGITS];

	snprintf(text, sizeof text, "%.15g", number);
	if (strtod(text, NULL) != number)
		snprintf(text, sizeof text, "%.17g", number);
	field_add(out, size, "%s%s", text,
	    text[strspn(text, "-0123456789")] == '\0' ? ".0" : "");
}

void
field_given(const msgpack_object *value, char *out, size_t size)
{
	out[0] = '\0';
	switch (value->type) {
	case MSGPACK_OBJECT_NIL:
		field_add(out, size, "nil");
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		field_add(out, size, value->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		field_add(out, size, "%" PRIu64, value->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		field_add(out, size, "%" PRId64, value->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		field_add_float(value->via.f64, out, size);
		break;
	case MSGPACK_OBJECT_STR:
		field_add(out, size, "a string of %" PRIu32 " bytes",
		    value->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		field_add(out, size, "%" PRIu32 " bytes", value->via.bin.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		field_add(out, size, "an array of %" PRIu32 " elements",
		    value->via.array.size);
		break;
	case MSGPACK_OBJECT_MAP:
		field_add(out, size, "a map");
		break;
	default:
		field_add(out, size, "an extension value");
		break;
	}
}

void
field_given_kind(const msgpack_object *value, char *out, size_t size)
{
	switch (value->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		snprintf(out, size, "a boolean");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		snprintf(out, size, "an integer");
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		snprintf(out, size, "a float");
		break;
	default:
		field_given(value, out, size);
		break;
	}
}

/* What min and max are about: a length, a count, or an integer itself. */
static int64_t
field_measure(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_STR:
		return value->via.str.size;
	case MSGPACK_OBJECT_BIN:
		return value->via.bin.size;
	case MSGPACK_OBJECT_ARRAY:
		return value->via.array.size;
	default:
		return value->via.i64;
	}
}

bool
field_in_range(const struct field *f, const msgpack_object *value)
{
	int64_t n;

	if ((f->min == 0 && f->max == 0) ||
	    (field_kind(value) & FIELD_MEASURED) == 0)
		return true;
	/* not a number is in no range */
	if (field_kind(value) == FIELD_FLOAT)
		return value->via.f64 >= (double)f->min &&
		       value->via.f64 <= (double)f->max;
	n = field_measure(value);
	return n >= f->min && n <= f->max;
}

bool
field_allows(const struct field *f, const msgpack_object *value)
{
	if (f->allowed == NULL)
		return true;
	for (size_t i = 0; f->allowed[i] != NULL; i++) {
		size_t len = strlen(f->allowed[i]);

		if (value->via.str.size == len &&
		    memcmp(value->via.str.ptr, f->allowed[i], len) == 0)
			return true;
	}
	return false;
}

size_t
field_count(const struct field *fields)
{
	size_t n = 0;

	while (fields[n].name != NULL)
		n++;
	return n;
}
