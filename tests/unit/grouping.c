#include "tests/unit/grouping.h"

#include <inttypes.h>

const msgpack_object *
grouping_at(uint32_t i)
{
	const msgpack_object *groups = tasking_get(tasking_result(), "groups");

	assert_non_null(groups);
	assert_true(i < groups->via.array.size);
	return &groups->via.array.ptr[i];
}

const msgpack_object *
grouping_metric(uint32_t i, const char *name)
{
	const msgpack_object *value =
	    tasking_get(tasking_get(grouping_at(i), "metrics"), name);

	assert_non_null(value);
	return value;
}

uint32_t
grouping_count(void)
{
	return tasking_get(tasking_result(), "groups")->via.array.size;
}

void
grouping_assert_int(const msgpack_object *value, int64_t n)
{
	assert_non_null(value);
	if (value->type == MSGPACK_OBJECT_FLOAT64)
		fail_msg("%.17g instead of %" PRId64, value->via.f64, n);
	assert_true(value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
		    value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
	assert_int_equal(value->via.i64, n);
}

void
grouping_assert_double(const msgpack_object *value, double f)
{
	assert_non_null(value);
	assert_int_equal(value->type, MSGPACK_OBJECT_FLOAT64);
	assert_memory_equal(&value->via.f64, &f, sizeof f);
}

void
grouping_assert_nil(const msgpack_object *value)
{
	assert_non_null(value);
	assert_int_equal(value->type, MSGPACK_OBJECT_NIL);
}

msgpack_object
grouping_keep(const msgpack_object *value, struct grouping_kept *in)
{
	msgpack_packer pk;
	size_t off = 0;

	msgpack_sbuffer_init(&in->bytes);
	msgpack_packer_init(&pk, &in->bytes, msgpack_sbuffer_write);
	msgpack_pack_object(&pk, *value);
	msgpack_unpacked_init(&in->unpacked);
	assert_int_equal(msgpack_unpack_next(&in->unpacked, in->bytes.data,
			     in->bytes.size, &off),
	    MSGPACK_UNPACK_SUCCESS);
	return in->unpacked.data;
}

void
grouping_kept_clear(struct grouping_kept *in)
{
	msgpack_unpacked_destroy(&in->unpacked);
	msgpack_sbuffer_destroy(&in->bytes);
}
