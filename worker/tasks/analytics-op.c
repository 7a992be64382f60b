#include "worker/tasks/analytics-op.h"

#include <stdio.h>
#include <string.h>

#include "proto/units.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OP_PERCENT_TEXT 16 /* bytes of "p99.999", its NUL included */
#define OP_PERCENT_MAX (100 * ANALYTICS_PERCENT)

static const uint32_t op_percents[] = {50 * ANALYTICS_PERCENT,
    95 * ANALYTICS_PERCENT, 99 * ANALYTICS_PERCENT};

static void
op_pack_count(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	msgpack_pack_uint64(pk, c->n);
}

static void
op_pack_sum(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	struct analytics_number n = analytics_sum_value(&c->of.sum);

	analytics_number_pack(&n, pk);
}

static void
op_pack_avg(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	struct analytics_number n;

	if (c->n == 0) {
		msgpack_pack_nil(pk);
		return;
	}
	n = analytics_number_of(
	    analytics_sum_double(&c->of.sum) / (double)c->n);
	analytics_number_pack(&n, pk);
}

static void
op_pack_min(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	if (c->n == 0)
		msgpack_pack_nil(pk);
	else
		analytics_number_pack(&c->of.range.min, pk);
}

static void
op_pack_max(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	if (c->n == 0)
		msgpack_pack_nil(pk);
	else
		analytics_number_pack(&c->of.range.max, pk);
}

static void
op_pack_first(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	if (c->n == 0)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_int64(pk, c->of.times.first);
}

static void
op_pack_last(const struct analytics_metric *m, const struct analytics_cell *c,
    msgpack_packer *pk)
{
	if (c->n == 0)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_int64(pk, c->of.times.last);
}

static void
op_pack_distinct(const struct analytics_metric *m,
    const struct analytics_cell *c, msgpack_packer *pk)
{
	msgpack_pack_uint64(pk, analytics_distinct_count(&c->of.distinct));
}

/* Packs the value of one percentage. */
static void
op_pack_percentile(const struct analytics_cell *c, uint32_t percent,
    msgpack_packer *pk)
{
	struct analytics_number n;

	if (c->n == 0) {
		msgpack_pack_nil(pk);
		return;
	}
	n = analytics_number_of(analytics_sketch_at(c->of.sketch, percent));
	analytics_number_pack(&n, pk);
}

/* Packs one value, or a map such as {"p50": 1, "p99.9": 7}. */
static void
op_pack_percentiles(const struct analytics_metric *m,
    const struct analytics_cell *c, msgpack_packer *pk)
{
	char name[OP_PERCENT_TEXT];
	int len;

	if (m->single) {
		op_pack_percentile(c, m->percents[0], pk);
		return;
	}
	msgpack_pack_map(pk, m->n_percents);
	for (unsigned int i = 0; i < m->n_percents; i++) {
		len = snprintf(name, sizeof name, "p%g",
		    m->percents[i] / (double)ANALYTICS_PERCENT);
		msgpack_pack_str_with_body(pk, name, (size_t)len);
		op_pack_percentile(c, m->percents[i], pk);
	}
}

const struct analytics_op analytics_op_first = {
    .name = "first",
    .kind = &analytics_kind_times,
    .of_time = true,
    .pack = op_pack_first,
};

const struct analytics_op analytics_op_last = {
    .name = "last",
    .kind = &analytics_kind_times,
    .of_time = true,
    .pack = op_pack_last,
};

static const struct analytics_op op_count = {
    .name = "count",
    .kind = &analytics_kind_count,
    .pack = op_pack_count,
};

static const struct analytics_op op_sum = {
    .name = "sum",
    .kind = &analytics_kind_sum,
    .needs_field = true,
    .pack = op_pack_sum,
};

static const struct analytics_op op_avg = {
    .name = "avg",
    .kind = &analytics_kind_sum,
    .needs_field = true,
    .pack = op_pack_avg,
};

static const struct analytics_op op_min = {
    .name = "min",
    .kind = &analytics_kind_range,
    .needs_field = true,
    .pack = op_pack_min,
};

static const struct analytics_op op_max = {
    .name = "max",
    .kind = &analytics_kind_range,
    .needs_field = true,
    .pack = op_pack_max,
};

static const struct analytics_op op_distinct = {
    .name = "distinct",
    .kind = &analytics_kind_distinct,
    .needs_field = true,
    .pack = op_pack_distinct,
};

static const struct analytics_op op_percentiles = {
    .name = "percentiles",
    .kind = &analytics_kind_sketch,
    .needs_field = true,
    .pack = op_pack_percentiles,
};

static const struct analytics_op *const op_all[] = {&op_count, &op_sum, &op_avg,
    &op_min, &op_max, &op_distinct, &op_percentiles, &analytics_op_first,
    &analytics_op_last};

/* Reads "p99.9". Returns false when it is no such name. */
static bool
op_read_single(struct analytics_metric *m, const char *text, size_t len)
{
	char number[OP_PERCENT_TEXT];
	uint64_t thousandths;

	if (len < 2 || len >= sizeof number || text[0] != 'p')
		return false;
	memcpy(number, text + 1, len - 1);
	number[len - 1] = '\0';
	/* digits and a fraction of three at most, as durations have them */
	if (strspn(number, "0123456789.") != len - 1 ||
	    units_duration(number, ANALYTICS_PERCENT, &thousandths) < 0 ||
	    thousandths > OP_PERCENT_MAX)
		return false;
	m->op = &op_percentiles;
	m->single = true;
	m->percents[0] = (uint32_t)thousandths;
	m->n_percents = 1;
	return true;
}

bool
analytics_op_read(struct analytics_metric *m, const char *text, size_t len)
{
	for (size_t i = 0; i < COUNT(op_all); i++) {
		if (strlen(op_all[i]->name) != len ||
		    memcmp(op_all[i]->name, text, len) != 0)
			continue;
		m->op = op_all[i];
		m->single = false;
		m->n_percents = 0;
		if (m->op == &op_percentiles) {
			memcpy(m->percents, op_percents, sizeof op_percents);
			m->n_percents = COUNT(op_percents);
		}
		return true;
	}
	return op_read_single(m, text, len);
}

bool
analytics_op_takes_percents(const struct analytics_op *op)
{
	return op == &op_percentiles;
}

struct analytics_number
analytics_op_percent(uint32_t thousandths)
{
	return analytics_number_of(thousandths / (double)ANALYTICS_PERCENT);
}
