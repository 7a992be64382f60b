#include "worker/tasks/analytics-state.h"

#include "worker/field.h"
#include "worker/tasks/analytics-scalar.h"
#include "worker/tasks/analytics-time.h"

#define STATE_TAKES_NUMBER "a finite number"

/* Whether a packed value is an array of n. */
static bool
state_is_array(const msgpack_object *value, uint32_t n)
{
	return value->type == MSGPACK_OBJECT_ARRAY &&
	       value->via.array.size == n;
}

static int
count_add(struct analytics_cell *c, const struct analytics_input *in)
{
	c->n++;
	return 0;
}

static int
count_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	return 0;
}

static void
count_pack(struct analytics_cell *c, msgpack_packer *pk)
{
}

const struct analytics_kind analytics_kind_count = {
    .takes = "any value",
    .add = count_add,
    .merge = count_merge,
    .pack = count_pack,
    .values = 0,
};

static int
sum_add(struct analytics_cell *c, const struct analytics_input *in)
{
	struct analytics_number number;

	if (!analytics_number_read(in->value, &number))
		return 1;
	c->n++;
	return analytics_sum_add(&c->of.sum, in->memory, &number);
}

static int
sum_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	return analytics_sum_merge(&c->of.sum, in->memory, in->value, in->n);
}

static void
sum_pack(struct analytics_cell *c, msgpack_packer *pk)
{
	analytics_sum_pack(&c->of.sum, pk);
}

const struct analytics_kind analytics_kind_sum = {
    .takes = STATE_TAKES_NUMBER,
    .add = sum_add,
    .merge = sum_merge,
    .pack = sum_pack,
    .values = 1,
};

/* Widens a range; `first`: there was none. */
static void
extremes_widen(struct analytics_cell *c, bool first,
    const struct analytics_number *min, const struct analytics_number *max)
{
	if (first || analytics_number_compare(min, &c->of.range.min) < 0)
		c->of.range.min = *min;
	if (first || analytics_number_compare(max, &c->of.range.max) > 0)
		c->of.range.max = *max;
}

static int
extremes_add(struct analytics_cell *c, const struct analytics_input *in)
{
	struct analytics_number number;

	if (!analytics_number_read(in->value, &number))
		return 1;
	extremes_widen(c, c->n++ == 0, &number, &number);
	return 0;
}

static int
extremes_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	struct analytics_number min, max;

	if (!state_is_array(in->value, 2) ||
	    !analytics_number_read(&in->value->via.array.ptr[0], &min) ||
	    !analytics_number_read(&in->value->via.array.ptr[1], &max) ||
	    analytics_number_compare(&min, &max) > 0)
		return 1;
	extremes_widen(c, c->n == 0, &min, &max);
	return 0;
}

static void
extremes_pack(struct analytics_cell *c, msgpack_packer *pk)
{
	msgpack_pack_array(pk, 2);
	analytics_number_pack(&c->of.range.min, pk);
	analytics_number_pack(&c->of.range.max, pk);
}

const struct analytics_kind analytics_kind_range = {
    .takes = STATE_TAKES_NUMBER,
    .add = extremes_add,
    .merge = extremes_merge,
    .pack = extremes_pack,
    .values = 3,
};

/* Widens a range of times; `first`: there was none. */
static void
times_widen(struct analytics_cell *c, bool first, int64_t from, int64_t to)
{
	if (first || from < c->of.times.first)
		c->of.times.first = from;
	if (first || to > c->of.times.last)
		c->of.times.last = to;
}

static int
times_add(struct analytics_cell *c, const struct analytics_input *in)
{
	int64_t ms;

	if (!analytics_time_read(in->value, in->in_seconds, &ms))
		return 1;
	times_widen(c, c->n++ == 0, ms, ms);
	return 0;
}

static int
times_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	const msgpack_object *pair = in->value->via.array.ptr;

	if (!state_is_array(in->value, 2) ||
	    field_kind(&pair[0]) != FIELD_INT ||
	    field_kind(&pair[1]) != FIELD_INT ||
	    pair[0].via.i64 > pair[1].via.i64 ||
	    pair[0].via.i64 < -ANALYTICS_TIME_MAX ||
	    pair[1].via.i64 > ANALYTICS_TIME_MAX)
		return 1;
	times_widen(c, c->n == 0, pair[0].via.i64, pair[1].via.i64);
	return 0;
}

static void
times_pack(struct analytics_cell *c, msgpack_packer *pk)
{
	msgpack_pack_array(pk, 2);
	msgpack_pack_int64(pk, c->of.times.first);
	msgpack_pack_int64(pk, c->of.times.last);
}

const struct analytics_kind analytics_kind_times = {
    .takes = ANALYTICS_TIME_TAKES,
    .add = times_add,
    .merge = times_merge,
    .pack = times_pack,
    .values = 3,
};

static int
distinct_add(struct analytics_cell *c, const struct analytics_input *in)
{
	uint64_t hash;

	if (!analytics_scalar_hash(in->value, &hash))
		return 1;
	c->n++;
	return analytics_distinct_add(&c->of.distinct, in->memory, hash);
}

static int
distinct_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	return analytics_distinct_merge(&c->of.distinct, in->memory, in->value,
	    in->n);
}

static void
distinct_pack(struct analytics_cell *c, msgpack_packer *pk)
{
	analytics_distinct_pack(&c->of.distinct, pk);
}

const struct analytics_kind analytics_kind_distinct = {
    .takes = ANALYTICS_SCALAR_TAKES,
    .add = distinct_add,
    .merge = distinct_merge,
    .pack = distinct_pack,
    .values = 1,
};

/* Has a sketch in the cell. Returns 0 or -1. */
static int
sketch_need(struct analytics_cell *c, struct analytics_memory *m)
{
	if (c->of.sketch == NULL)
		c->of.sketch = analytics_memory_take(m, sizeof *c->of.sketch);
	return c->of.sketch != NULL ? 0 : -1;
}

static int
sketch_add(struct analytics_cell *c, const struct analytics_input *in)
{
	struct analytics_number number;

	if (!analytics_number_read(in->value, &number))
		return 1;
	if (sketch_need(c, in->memory) < 0)
		return -1;
	c->n++;
	return analytics_sketch_add(c->of.sketch, in->memory,
	    analytics_number_double(&number));
}

static int
sketch_merge(struct analytics_cell *c, const struct analytics_input *in)
{
	if (sketch_need(c, in->memory) < 0)
		return -1;
	return analytics_sketch_merge(c->of.sketch, in->memory, in->value,
	    in->n);
}

static void
sketch_pack(struct analytics_cell *c, msgpack_packer *pk)
{
	analytics_sketch_sort(c->of.sketch);
	analytics_sketch_pack(c->of.sketch, pk);
}

const struct analytics_kind analytics_kind_sketch = {
    .takes = STATE_TAKES_NUMBER,
    .add = sketch_add,
    .merge = sketch_merge,
    .pack = sketch_pack,
    .values = 1,
};

void
analytics_cell_pack(const struct analytics_kind *kind, struct analytics_cell *c,
    msgpack_packer *pk)
{
	if (c->n == 0) {
		msgpack_pack_nil(pk);
		return;
	}
	if (kind->values == 0) {
		msgpack_pack_uint64(pk, c->n);
		return;
	}
	msgpack_pack_array(pk, 2);
	msgpack_pack_uint64(pk, c->n);
	kind->pack(c, pk);
}

int
analytics_cell_merge(const struct analytics_kind *kind,
    struct analytics_cell *c, const struct analytics_input *in, uint64_t events)
{
	struct analytics_input rest = *in;
	const msgpack_object *n = in->value;
	int rc;

	if (in->value->type == MSGPACK_OBJECT_NIL)
		return 0;
	if (kind->values > 0) {
		if (!state_is_array(in->value, 2))
			return 1;
		n = &in->value->via.array.ptr[0];
		rest.value = &in->value->via.array.ptr[1];
	}
	if (n->type != MSGPACK_OBJECT_POSITIVE_INTEGER || n->via.u64 == 0 ||
	    n->via.u64 > events)
		return 1;
	rest.n = n->via.u64;
	rc = kind->merge(c, &rest);
	c->n += n->via.u64;
	return rc;
}
