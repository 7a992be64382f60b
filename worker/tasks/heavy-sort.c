/* sort: numbers or strings, or numbers in bytes. */

#include "worker/tasks/heavy.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/field.h"
#include "worker/tasks/heavy-number.h"
#include "worker/tasks/heavy-order.h"

#define SORT_EXACT_MAX (UINT64_C(1) << 53) /* up to it all integers are */
#define SORT_PATH 40 /* bytes of a path in an error, its NUL included */

/* Wide enough for integers of 64 bits and floats alike. */
static_assert(LDBL_MANT_DIG >= 64, "long double holds every uint64_t");

enum sort_field { SORT_VALUES, SORT_ORDER };

static const char *const sort_orders[] = {"asc", "desc", NULL};

static const struct field sort_fields[] = {
    [SORT_VALUES] = {.name = "values",
	.kinds = FIELD_ARRAY | FIELD_BIN,
	.required = true,
	.about = "sort: up to 999000 numbers, or strings, which are compared "
		 "byte by byte; or up to 8388608 float64 values, least "
		 "significant byte first."},
    [SORT_ORDER] = {.name = "order",
	.kinds = FIELD_STR,
	.allowed = sort_orders,
	.fallback = "asc",
	.about = "sort: asc begins with the least."},
    {.name = NULL},
};

/* What can be compared with each other. */
enum sort_kind { SORT_NOTHING, SORT_NUMBER, SORT_STRING };

static const char *const sort_words[] = {
    [SORT_NOTHING] = "numbers or strings",
    [SORT_NUMBER] = "numbers, because the first value is one",
    [SORT_STRING] = "strings, because the first value is one",
};

/* A number, which may also be a uint64. */
static long double
sort_number(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return value->via.u64;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return value->via.i64;
	default:
		return value->via.f64;
	}
}

static enum sort_kind
sort_kind(const msgpack_object *value)
{
	switch (value->type) {
	case MSGPACK_OBJECT_STR:
	case MSGPACK_OBJECT_BIN:
		return SORT_STRING;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return SORT_NUMBER;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		/* not a number has no place among them */
		return isnan(value->via.f64) ? SORT_NOTHING : SORT_NUMBER;
	default:
		return SORT_NOTHING;
	}
}

/* Elements are pointers to values; equal values stay as they stand there. */
static int
sort_tie(const msgpack_object *a, const msgpack_object *b)
{
	return (a > b) - (a < b);
}

static int
sort_numbers(const void *x, const void *y)
{
	const msgpack_object *a = *(const msgpack_object *const *)x;
	const msgpack_object *b = *(const msgpack_object *const *)y;
	long double m = sort_number(a), n = sort_number(b);

	return m < n ? -1 : m > n ? 1 : sort_tie(a, b);
}

static int
sort_numbers_down(const void *x, const void *y)
{
	const msgpack_object *a = *(const msgpack_object *const *)x;
	const msgpack_object *b = *(const msgpack_object *const *)y;
	long double m = sort_number(a), n = sort_number(b);

	return m > n ? -1 : m < n ? 1 : sort_tie(a, b);
}

/* Below, at or over 0: how a string compares. */
static int
sort_compare(const msgpack_object *a, const msgpack_object *b)
{
	size_t m, n;
	const uint8_t *s = call_bytes(a, &m), *t = call_bytes(b, &n);
	size_t common = m < n ? m : n;
	int rc = common > 0 ? memcmp(s, t, common) : 0;

	return rc != 0 ? rc : (m > n) - (m < n);
}

static int
sort_strings(const void *x, const void *y)
{
	const msgpack_object *a = *(const msgpack_object *const *)x;
	const msgpack_object *b = *(const msgpack_object *const *)y;
	int rc = sort_compare(a, b);

	return rc != 0 ? rc : sort_tie(a, b);
}

static int
sort_strings_down(const void *x, const void *y)
{
	const msgpack_object *a = *(const msgpack_object *const *)x;
	const msgpack_object *b = *(const msgpack_object *const *)y;
	int rc = sort_compare(b, a);

	return rc != 0 ? rc : sort_tie(a, b);
}

static const heavy_order_cb sort_by[][2] = {
    [SORT_NUMBER] = {sort_numbers, sort_numbers_down},
    [SORT_STRING] = {sort_strings, sort_strings_down},
};

/*
 * Whether a number is all that there is to a value: not so zeros with a sign,
 * which are equal to others, and what no double holds.
 */
static bool
sort_is_plain(const msgpack_object *value)
{
	double d = value->via.f64;

	switch (value->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return value->via.u64 <= SORT_EXACT_MAX;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return value->via.i64 >= -(int64_t)SORT_EXACT_MAX;
	case MSGPACK_OBJECT_FLOAT64:
		return !isnan(d) && !(d == 0 && signbit(d));
	default:
		return false;
	}
}

/* Whether all values are plain, and all floats or none. */
static bool
sort_all_plain(const msgpack_object_array *values)
{
	bool floats = values->ptr[0].type == MSGPACK_OBJECT_FLOAT64;

	for (uint32_t i = 0; i < values->size; i++) {
		const msgpack_object *value = &values->ptr[i];

		if (!sort_is_plain(value) ||
		    (value->type == MSGPACK_OBJECT_FLOAT64) != floats)
			return false;
	}
	return true;
}

static int
sort_doubles(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static int
sort_doubles_down(const void *x, const void *y)
{
	return sort_doubles(y, x);
}

/*
 * Sorts plain values as doubles, and packs them: what is equal is the same. It
 * takes two thirds of the time, as all stands side by side.
 */
static int
sort_plain(struct call *call, const msgpack_object_array *values, bool down)
{
	bool floats = values->ptr[0].type == MSGPACK_OBJECT_FLOAT64;
	double *sorted = malloc(values->size * sizeof *sorted);
	int rc;

	if (sorted == NULL)
		return call_no_memory(call);
	for (uint32_t i = 0; i < values->size; i++)
		sorted[i] = (double)sort_number(&values->ptr[i]);
	rc = heavy_order(call, sorted, values->size, sizeof sorted[0],
	    down ? sort_doubles_down : sort_doubles, 0);
	if (rc == 0)
		msgpack_pack_array(&call->pk, values->size);
	for (uint32_t i = 0; rc == 0 && i < values->size; i++) {
		if (floats)
			msgpack_pack_double(&call->pk, sorted[i]);
		else
			msgpack_pack_int64(&call->pk, (int64_t)sorted[i]);
	}
	free(sorted);
	return rc;
}

/* Points to all values, which must be of one kind. */
static int
sort_read(struct call *call, const msgpack_object_array *values,
    enum sort_kind kind, const msgpack_object **out)
{
	char path[SORT_PATH];

	for (uint32_t i = 0; i < values->size; i++) {
		out[i] = &values->ptr[i];
		if (kind != SORT_NOTHING && sort_kind(out[i]) == kind)
			continue;
		snprintf(path, sizeof path, "params.values[%u]", i);
		return call_refuse(call, path, sort_words[kind], out[i]);
	}
	return 0;
}

/* Sorts them, of which there is one at least. */
static int
sort_pointers(struct call *call, const msgpack_object_array *values, bool down,
    const msgpack_object **out)
{
	enum sort_kind kind = sort_kind(&values->ptr[0]);

	if (sort_read(call, values, kind, out) < 0)
		return -1;
	return heavy_order(call, out, values->size, sizeof out[0],
	    sort_by[kind][down], 0);
}

/* Reads float64 values, among which there must not be a NaN. */
static int
sort_read_bytes(struct call *call, const uint8_t *bytes, size_t n, double *out)
{
	char path[SORT_PATH];

	heavy_number_read(bytes, n, out);
	for (size_t i = 0; i < n; i++) {
		if (!isnan(out[i]))
			continue;
		snprintf(path, sizeof path, "params.values[%zu]", i);
		return call_invalid(call, path, "%s takes numbers, not nan",
		    path);
	}
	return 0;
}

/* Sorts bytes into bytes. */
static int
sort_bytes(struct call *call, const msgpack_object *values, bool down)
{
	size_t len, n;
	const uint8_t *bytes = call_bytes(values, &len);
	double *sorted;
	uint8_t *place = NULL;

	n = len / HEAVY_NUMBER_BYTES;
	if (n > HEAVY_BYTES_VALUES_MAX || len % HEAVY_NUMBER_BYTES != 0)
		return call_refuse(call, "params.values",
		    "8 bytes for each of up to 8388608 numbers", values);
	sorted = malloc(len + 1);
	if (sorted == NULL)
		return call_no_memory(call);
	if (sort_read_bytes(call, bytes, n, sorted) == 0 &&
	    heavy_order(call, sorted, n, sizeof sorted[0],
		down ? sort_doubles_down : sort_doubles, 0) == 0)
		place = call_place_open(call, len, false);
	if (place != NULL)
		heavy_number_write(sorted, n, place);
	free(sorted);
	return place != NULL ? 0 : -1;
}

/* Sorts an array into an array. */
static int
sort_array(struct call *call, const msgpack_object *array, bool down)
{
	const msgpack_object_array *values = &array->via.array;
	const msgpack_object **sorted;
	int rc = 0;

	if (values->size > HEAVY_VALUES_MAX)
		return call_refuse(call, "params.values",
		    "an array of at most 999000 values; give more as bytes",
		    array);
	if (values->size > 0 && sort_all_plain(values))
		return sort_plain(call, values, down);
	sorted = malloc((values->size + 1) * sizeof *sorted);
	if (sorted == NULL)
		return call_no_memory(call);
	if (values->size > 0)
		rc = sort_pointers(call, values, down, sorted);
	if (rc == 0) {
		msgpack_pack_array(&call->pk, values->size);
		for (uint32_t i = 0; i < values->size; i++)
			msgpack_pack_object(&call->pk, *sorted[i]);
	}
	free(sorted);
	return rc;
}

static int
sort_run(struct call *call, const msgpack_object *const *args)
{
	const msgpack_object *values = args[SORT_VALUES];
	bool down = call_is(args[SORT_ORDER], "desc");

	return values->type == MSGPACK_OBJECT_BIN
		   ? sort_bytes(call, values, down)
		   : sort_array(call, values, down);
}

const struct heavy_operation heavy_sort = {"sort", sort_fields, sort_run};
