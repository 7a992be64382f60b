#include "tools/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "proto/limit.h"

#define CONVERT_BASE64 sodium_base64_VARIANT_ORIGINAL

/* Objects of this one name stand for what JSON has no word for. */
#define CONVERT_BIN "$bin"
#define CONVERT_EXT "$ext"
#define CONVERT_UINT "$uint" /* digits of an integer beyond 2^63 - 1 */

/* Fewest digits that no int64 has less of, and most that a uint64 has. */
#define CONVERT_WIDE_MIN 19
#define CONVERT_WIDE_MAX 20

#define CONVERT_REAL_DIGITS 17 /* always tell two doubles apart */

/* One conversion. */
struct convert {
	msgpack_packer *pk; /* from JSON */
	FILE *out; /* to JSON */
	char *error;
};

static int convert_pack(struct convert *c, json_t *value, unsigned int depth);
static int convert_print(struct convert *c, const msgpack_object *o);

/* Sets the error's text, and gives the -1 of its caller. */
static int __attribute__((format(printf, 2, 3)))
convert_fail(struct convert *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->error, CONVERT_ERROR, format, ap);
	va_end(ap);
	return -1;
}

/* ---- From JSON ---- */

/* Packs the bytes that base64 text stands for. */
static int
convert_pack_bin(struct convert *c, json_t *value)
{
	size_t len = json_string_length(value), n = 0;
	unsigned char *bytes;

	if (!json_is_string(value))
		return convert_fail(c,
		    "\"" CONVERT_BIN "\" takes a string of base64");
	bytes = malloc(len + 1);
	if (bytes == NULL)
		return convert_fail(c, "out of memory");
	if (sodium_base642bin(bytes, len + 1, json_string_value(value), len,
		NULL, &n, NULL, CONVERT_BASE64) != 0) {
		free(bytes);
		return convert_fail(c,
		    "\"" CONVERT_BIN "\" holds what is not base64");
	}
	msgpack_pack_bin_with_body(c->pk, bytes, n);
	free(bytes);
	return 0;
}

/* Packs a wide integer. */
static int
convert_pack_uint(struct convert *c, json_t *value)
{
	const char *digits = json_string_value(value);
	char *end;
	uint64_t n;

	if (digits == NULL || digits[strspn(digits, "0123456789")] != '\0')
		return convert_fail(c,
		    "\"" CONVERT_UINT "\" takes a string of digits");
	errno = 0;
	n = strtoumax(digits, &end, 10);
	if (errno != 0 || end == digits)
		return convert_fail(c, "the integer %s is out of range",
		    digits);
	msgpack_pack_uint64(c->pk, n);
	return 0;
}

/* Packs a map, or what one of our own objects stands for. */
static int
convert_pack_object(struct convert *c, json_t *object, unsigned int depth)
{
	json_t *value = NULL;
	const char *name;

	if (json_object_size(object) == 1) {
		if ((value = json_object_get(object, CONVERT_BIN)) != NULL)
			return convert_pack_bin(c, value);
		if ((value = json_object_get(object, CONVERT_UINT)) != NULL)
			return convert_pack_uint(c, value);
	}
	msgpack_pack_map(c->pk, json_object_size(object));
	json_object_foreach(object, name, value)
	{
		msgpack_pack_str_with_body(c->pk, name, strlen(name));
		if (convert_pack(c, value, depth + 1) == -1)
			return -1;
	}
	return 0;
}

/* Packs an array. */
static int
convert_pack_array(struct convert *c, json_t *array, unsigned int depth)
{
	msgpack_pack_array(c->pk, json_array_size(array));
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *value = json_array_get(array, i);

		if (convert_pack(c, value, depth + 1) == -1)
			return -1;
	}
	return 0;
}

/* Packs one value; `depth` containers are around it. */
static int
convert_pack(struct convert *c, json_t *value, unsigned int depth)
{
	bool container = json_is_object(value) || json_is_array(value);

	if (container && depth >= LIMIT_DEPTH_MAX)
		return convert_fail(c, "nested deeper than %u",
		    LIMIT_DEPTH_MAX);
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return convert_pack_object(c, value, depth);
	case JSON_ARRAY:
		return convert_pack_array(c, value, depth);
	case JSON_STRING:
		return msgpack_pack_str_with_body(c->pk,
		    json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return msgpack_pack_int64(c->pk, json_integer_value(value));
	case JSON_REAL:
		return msgpack_pack_double(c->pk, json_real_value(value));
	case JSON_TRUE:
		return msgpack_pack_true(c->pk);
	case JSON_FALSE:
		return msgpack_pack_false(c->pk);
	default:
		return msgpack_pack_nil(c->pk);
	}
}

/* Whether the n bytes are an integer above 2^63 - 1 that a uint64 holds. */
static bool
convert_is_wide(const char *token, size_t n)
{
	char digits[CONVERT_WIDE_MAX + 1];

	if (n < CONVERT_WIDE_MIN || n > CONVERT_WIDE_MAX)
		return false;
	memcpy(digits, token, n);
	digits[n] = '\0';
	if (digits[0] == '0' || strspn(digits, "0123456789") != n)
		return false;
	errno = 0;
	return strtoumax(digits, NULL, 10) > INT64_MAX && errno == 0;
}

/* The length of the JSON token at p: a string, a number, or one byte. */
static size_t
convert_token(const char *p, size_t left)
{
	size_t n = 1;

	if (*p == '"') {
		while (n < left && p[n] != '"')
			n += p[n] == '\\' ? 2 : 1;
		return n < left ? n + 1 : left;
	}
	if (*p == '\0' || strchr("+-.0123456789eE", *p) == NULL)
		return 1;
	while (
	    n < left && p[n] != '\0' && strchr("+-.0123456789eE", p[n]) != NULL)
		n++;
	return n;
}

/*
 * jansson's integers are int64: writes the text anew with wider ones as
 * objects. Returns memory of *out_len bytes that is the caller's, or NULL.
 */
static char *
convert_widen(const char *text, size_t len, size_t *out_len)
{
	char *wide = NULL;
	FILE *out = open_memstream(&wide, out_len);
	size_t n;

	if (out == NULL)
		return NULL;
	for (size_t at = 0; at < len; at += n) {
		n = convert_token(text + at, len - at);
		if (convert_is_wide(text + at, n))
			fprintf(out, "{\"%s\":\"%.*s\"}", CONVERT_UINT, (int)n,
			    text + at);
		else
			fwrite(text + at, 1, n, out);
	}
	if (fclose(out) == 0)
		return wide;
	free(wide);
	return NULL;
}

/* Parses; gives the document or NULL. */
static json_t *
convert_parse(const char *text, size_t len, json_error_t *e)
{
	const size_t flags =
	    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_t *document = json_loadb(text, len, flags, e);
	char *wide;

	if (document != NULL ||
	    json_error_code(e) != json_error_numeric_overflow)
		return document;
	wide = convert_widen(text, len, &len);
	if (wide == NULL)
		return NULL;
	document = json_loadb(wide, len, flags, e);
	free(wide);
	return document;
}

int
convert_from_json(const char *text, size_t len, msgpack_packer *pk,
    char error[CONVERT_ERROR])
{
	struct convert c = {.pk = pk, .error = error};
	json_error_t e;
	json_t *document = convert_parse(text, len, &e);
	int rc;

	if (document == NULL)
		return convert_fail(&c, "not JSON: line %d, column %d: %s",
		    e.line, e.column, e.text);
	rc = convert_pack(&c, document, 0);
	json_decref(document);
	return rc == 0 ? 0 : -1;
}

/* ---- To JSON ---- */

/* Prints bytes as a string of base64. */
static int
convert_print_base64(struct convert *c, const char *bytes, size_t len)
{
	size_t size = sodium_base64_encoded_len(len, CONVERT_BASE64);
	char *text = malloc(size);

	if (text == NULL)
		return convert_fail(c, "out of memory");
	sodium_bin2base64(text, size, (const unsigned char *)bytes, len,
	    CONVERT_BASE64);
	fprintf(c->out, "\"%s\"", text);
	free(text);
	return 0;
}

/* Prints bytes as an object. */
static int
convert_print_bin(struct convert *c, const char *bytes, size_t len)
{
	fprintf(c->out, "{\"%s\":", CONVERT_BIN);
	if (convert_print_base64(c, bytes, len) == -1)
		return -1;
	fputc('}', c->out);
	return 0;
}

/* Prints text; false: it is not UTF-8. */
static bool
convert_print_text(struct convert *c, const char *text, size_t len)
{
	/* msgpack-c gives empty strings no address */
	json_t *value = json_stringn(len > 0 ? text : "", len);

	if (value == NULL)
		return false;
	json_dumpf(value, c->out, JSON_ENCODE_ANY);
	json_decref(value);
	return true;
}

/* Prints an extension value as an object. */
static int
convert_print_ext(struct convert *c, const msgpack_object_ext *ext)
{
	fprintf(c->out, "{\"%s\":[%d,", CONVERT_EXT, ext->type);
	if (convert_print_base64(c, ext->ptr, ext->size) == -1)
		return -1;
	fputs("]}", c->out);
	return 0;
}

/* Prints the shortest digits that read back as the same double. */
static int
convert_print_real(struct convert *c, double number)
{
	char text[32];
	int digits = CONVERT_REAL_DIGITS - 2;

	if (!isfinite(number))
		return convert_fail(c,
		    "NaN and infinite numbers cannot be shown as JSON");
	do
		snprintf(text, sizeof text, "%.*g", digits, number);
	while (strtod(text, NULL) != number && ++digits <= CONVERT_REAL_DIGITS);
	fputs(text, c->out);
	/* 1.0 stays a float when it is read again */
	if (text[strcspn(text, ".e")] == '\0')
		fputs(".0", c->out);
	return 0;
}

/* Prints an array. */
static int
convert_print_array(struct convert *c, const msgpack_object_array *array)
{
	fputc('[', c->out);
	for (uint32_t i = 0; i < array->size; i++) {
		if (i > 0)
			fputc(',', c->out);
		if (convert_print(c, &array->ptr[i]) == -1)
			return -1;
	}
	fputc(']', c->out);
	return 0;
}

/* Prints a name in a map: JSON has strings only; integers become such. */
static int
convert_print_name(struct convert *c, const msgpack_object *key)
{
	if (key->type == MSGPACK_OBJECT_STR &&
	    convert_print_text(c, key->via.str.ptr, key->via.str.size))
		return 0;
	if (key->type == MSGPACK_OBJECT_BIN &&
	    convert_print_text(c, key->via.bin.ptr, key->via.bin.size))
		return 0;
	if (key->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
	    key->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return convert_fail(c,
		    "a map whose key is not text cannot be shown as JSON");
	fputc('"', c->out);
	convert_print(c, key);
	fputc('"', c->out);
	return 0;
}

/* Prints a map. */
static int
convert_print_map(struct convert *c, const msgpack_object_map *map)
{
	fputc('{', c->out);
	for (uint32_t i = 0; i < map->size; i++) {
		if (i > 0)
			fputc(',', c->out);
		if (convert_print_name(c, &map->ptr[i].key) == -1)
			return -1;
		fputc(':', c->out);
		if (convert_print(c, &map->ptr[i].val) == -1)
			return -1;
	}
	fputc('}', c->out);
	return 0;
}

/* Prints a string; what is not UTF-8 is bytes. */
static int
convert_print_str(struct convert *c, const msgpack_object_str *str)
{
	if (convert_print_text(c, str->ptr, str->size))
		return 0;
	return convert_print_bin(c, str->ptr, str->size);
}

/* Prints one value. */
static int
convert_print(struct convert *c, const msgpack_object *o)
{
	switch (o->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		fputs(o->via.boolean ? "true" : "false", c->out);
		return 0;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		fprintf(c->out, "%" PRIu64, o->via.u64);
		return 0;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		fprintf(c->out, "%" PRId64, o->via.i64);
		return 0;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return convert_print_real(c, o->via.f64);
	case MSGPACK_OBJECT_STR:
		return convert_print_str(c, &o->via.str);
	case MSGPACK_OBJECT_BIN:
		return convert_print_bin(c, o->via.bin.ptr, o->via.bin.size);
	case MSGPACK_OBJECT_EXT:
		return convert_print_ext(c, &o->via.ext);
	case MSGPACK_OBJECT_ARRAY:
		return convert_print_array(c, &o->via.array);
	case MSGPACK_OBJECT_MAP:
		return convert_print_map(c, &o->via.map);
	default:
		fputs("null", c->out);
		return 0;
	}
}

int
convert_to_json(FILE *out, const msgpack_object *value,
    char error[CONVERT_ERROR])
{
	struct convert c = {.out = out, .error = error};

	return convert_print(&c, value);
}
