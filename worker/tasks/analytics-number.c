#include "worker/tasks/analytics-number.h"

#include <math.h>

#define NUMBER_2_63 0x1p63
#define NUMBER_2_64 0x1p64

struct analytics_number
analytics_number_of(double f)
{
	struct analytics_number n = {.kind = NUMBER_FLOAT, .is.f = f};

	if (f != trunc(f))
		return n;
	if (f >= 0 && f < NUMBER_2_64) {
		n.kind = NUMBER_NATURAL;
		n.is.u = (uint64_t)f;
	} else if (f < 0 && f >= -NUMBER_2_63) {
		n.kind = NUMBER_NEGATIVE;
		n.is.i = (int64_t)f;
	}
	return n;
}

bool
analytics_number_read(const msgpack_object *value, struct analytics_number *out)
{
	switch (value->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		out->kind = NUMBER_NATURAL;
		out->is.u = value->via.u64;
		return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		out->kind = NUMBER_NEGATIVE;
		out->is.i = value->via.i64;
		return true;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		if (!isfinite(value->via.f64))
			return false;
		*out = analytics_number_of(value->via.f64);
		return true;
	default:
		return false;
	}
}

double
analytics_number_double(const struct analytics_number *n)
{
	switch (n->kind) {
	case NUMBER_NEGATIVE:
		return (double)n->is.i;
	case NUMBER_NATURAL:
		return (double)n->is.u;
	default:
		return n->is.f;
	}
}

/*
 * Compares different kinds. A double is exact enough: a float that is no
 * integer is small, and those of integers that round to one are smaller.
 */
static int
number_compare_mixed(const struct analytics_number *a,
    const struct analytics_number *b)
{
	double x = analytics_number_double(a), y = analytics_number_double(b);

	if (x != y)
		return x < y ? -1 : 1;
	return a->kind == NUMBER_FLOAT ? 1 : -1; /* 2^64 and 2^64 - 1 */
}

int
analytics_number_compare(const struct analytics_number *a,
    const struct analytics_number *b)
{
	if (a->kind != b->kind)
		return number_compare_mixed(a, b);
	switch (a->kind) {
	case NUMBER_NEGATIVE:
		return (a->is.i > b->is.i) - (a->is.i < b->is.i);
	case NUMBER_NATURAL:
		return (a->is.u > b->is.u) - (a->is.u < b->is.u);
	default:
		return (a->is.f > b->is.f) - (a->is.f < b->is.f);
	}
}

void
analytics_number_pack(const struct analytics_number *n, msgpack_packer *pk)
{
	switch (n->kind) {
	case NUMBER_NEGATIVE:
		msgpack_pack_int64(pk, n->is.i);
		break;
	case NUMBER_NATURAL:
		msgpack_pack_uint64(pk, n->is.u);
		break;
	default:
		msgpack_pack_double(pk, n->is.f);
		break;
	}
}
