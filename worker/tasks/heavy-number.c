#include "worker/tasks/heavy-number.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/call.h"
#include "worker/field.h"

#define NUMBER_PATH 80 /* bytes of a path in an error, its NUL included */
#define NUMBER_EXACT_MAX (INT64_C(1) << 53) /* up to it all integers are */
#define NUMBER_TAKES "a finite number that a float64 holds exactly"

/* Whether a double is the integer, not only near it. */
static bool
number_is_exact(int64_t n)
{
	double d = (double)n;

	if (n >= -NUMBER_EXACT_MAX && n <= NUMBER_EXACT_MAX)
		return true;
	/* 2^63 itself cannot be converted back */
	return d < (double)INT64_MAX && (int64_t)d == n;
}

/* Reads one number; false: it is none that a double holds. */
static bool
number_read(const msgpack_object *value, double *out)
{
	*out = 0;
	switch (field_kind(value)) {
	case FIELD_INT:
		*out = call_number(value, 0);
		return number_is_exact(value->via.i64);
	case FIELD_FLOAT:
		*out = value->via.f64;
		return isfinite(*out);
	default:
		return false;
	}
}

int
heavy_number_array(struct call *call, const char *path,
    const msgpack_object *array, double *out)
{
	char place[NUMBER_PATH];

	for (uint32_t i = 0; i < array->via.array.size; i++) {
		const msgpack_object *value = &array->via.array.ptr[i];

		if (number_read(value, &out[i]))
			continue;
		snprintf(place, sizeof place, "%s[%u]", path, i);
		return call_refuse(call, place, NUMBER_TAKES, value);
	}
	return 0;
}

void
heavy_number_read(const uint8_t *bytes, size_t n, double *out)
{
	uint64_t bits;

	for (size_t i = 0; i < n; i++) {
		memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
		bits = le64toh(bits);
		memcpy(&out[i], &bits, sizeof bits);
	}
}

int
heavy_number_bytes(struct call *call, const char *path, const uint8_t *bytes,
    size_t n, double *out)
{
	char place[NUMBER_PATH];

	heavy_number_read(bytes, n, out);
	for (size_t i = 0; i < n; i++) {
		if (isfinite(out[i]))
			continue;
		snprintf(place, sizeof place, "%s[%zu]", path, i);
		return call_invalid(call, place, "%s takes %s, not %g", place,
		    NUMBER_TAKES, out[i]);
	}
	return 0;
}

void
heavy_number_write(const double *numbers, size_t n, uint8_t *bytes)
{
	uint64_t bits;

	for (size_t i = 0; i < n; i++) {
		memcpy(&bits, &numbers[i], sizeof bits);
		bits = htole64(bits);
		memcpy(bytes + i * sizeof bits, &bits, sizeof bits);
	}
}
