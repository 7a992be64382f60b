/* statistics: sums that do not lose digits, and places in the order. */

#include "worker/tasks/heavy.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "worker/tasks/heavy-number.h"
#include "worker/tasks/heavy-order.h"

#define STATISTICS_PERCENTILES_MAX 100
#define STATISTICS_STEP 65536u /* values summed up between two looks */
#define STATISTICS_PASSES 2
#define STATISTICS_PAIRS 11 /* of the result */
#define PERCENT_ALL 100.0
#define PERCENT_MEDIAN 50.0

enum statistics_field { STATISTICS_VALUES, STATISTICS_PERCENTILES };

static const struct field statistics_fields[] = {
    [STATISTICS_VALUES] = {.name = "values",
	.kinds = FIELD_ARRAY | FIELD_BIN,
	.required = true,
	.about = "statistics: 1 to 8388608 numbers, or float64 values, least "
		 "significant byte first."},
    [STATISTICS_PERCENTILES] = {.name = "percentiles",
	.kinds = FIELD_ARRAY,
	.min = 1,
	.max = STATISTICS_PERCENTILES_MAX,
	.fallback = "none",
	.about = "statistics: numbers from 0 to 100."},
    {.name = NULL},
};

/* A sum and what its roundings have lost (Neumaier 1974). */
struct sum {
	double high;
	double low;
};

/* What is computed of the values. */
struct sample {
	struct call *call;
	double *values; /* in order at last */
	size_t n;
	double percentiles[STATISTICS_PERCENTILES_MAX];
	size_t n_percentiles;
	double sum;
	double mean;
	double squares; /* of the distances from the mean, summed up */
};

static void
sum_add(struct sum *s, double x)
{
	double t = s->high + x;

	s->low +=
	    fabs(s->high) >= fabs(x) ? (s->high - t) + x : (x - t) + s->high;
	s->high = t;
}

static double
sum_value(const struct sum *s)
{
	return s->high + s->low;
}

/* Whether to go on after i values of a pass; -1: the task is cancelled. */
static int
sample_step(const struct sample *s, size_t pass, size_t i)
{
	if (i % STATISTICS_STEP != 0)
		return 0;
	return heavy_step(s->call, (double)(pass * s->n + i),
	    (double)(STATISTICS_PASSES * s->n + heavy_order_work(s->n)));
}

static int
sample_find_mean(struct sample *s)
{
	struct sum sum = {0, 0};

	for (size_t i = 0; i < s->n; i++) {
		sum_add(&sum, s->values[i]);
		if (sample_step(s, 0, i) < 0)
			return -1;
	}
	s->sum = sum_value(&sum);
	s->mean = s->sum / (double)s->n;
	return 0;
}

/* The second pass; what the mean's rounding adds is taken off again. */
static int
sample_find_squares(struct sample *s)
{
	struct sum squares = {0, 0}, rest = {0, 0};

	for (size_t i = 0; i < s->n; i++) {
		double d = s->values[i] - s->mean;

		sum_add(&squares, d * d);
		sum_add(&rest, d);
		if (sample_step(s, 1, i) < 0)
			return -1;
	}
	s->squares = sum_value(&squares);
	if (!isfinite(s->squares)) {
		s->squares = INFINITY; /* infinity less infinity is no number */
		return 0;
	}
	s->squares -= sum_value(&rest) * sum_value(&rest) / (double)s->n;
	/* a rounding must not make it negative */
	if (s->squares < 0)
		s->squares = 0;
	return 0;
}

static int
sample_compare(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

/* Computes all. A sum that is infinite spoils what follows from it. */
static int
sample_compute(struct sample *s)
{
	if (sample_find_mean(s) < 0 || sample_find_squares(s) < 0)
		return -1;
	if (!isfinite(s->sum) || !isfinite(s->squares))
		return call_fail(s->call, CODE_WORKER_ERROR,
		    "the values are too large: a float64 does not hold their "
		    "sum or the sum of their squares");
	return heavy_order(s->call, s->values, s->n, sizeof s->values[0],
	    sample_compare, STATISTICS_PASSES * s->n);
}

/*
 * The percentile of the sorted values: between two of them on the straight
 * line (type 7 of Hyndman and Fan 1996; what numpy and R do by default).
 */
static double
sample_percentile(const struct sample *s, double percent)
{
	double place = (double)(s->n - 1) * (percent / PERCENT_ALL);
	size_t i = (size_t)place;
	double low = s->values[i];

	if (i + 1 == s->n)
		return low;
	return low + (place - (double)i) * (s->values[i + 1] - low);
}

static void
sample_pack(const struct sample *s, const char *key, double value)
{
	call_pack_str(s->call, key);
	msgpack_pack_double(&s->call->pk, value);
}

/* Packs variance and deviation; of one value alone a sample has none. */
static void
sample_pack_spread(const struct sample *s)
{
	double whole = s->squares / (double)s->n;

	if (s->n > 1) {
		double v = s->squares / (double)(s->n - 1);

		sample_pack(s, "variance", v);
		sample_pack(s, "stddev", sqrt(v));
	} else {
		call_pack_str(s->call, "variance");
		msgpack_pack_nil(&s->call->pk);
		call_pack_str(s->call, "stddev");
		msgpack_pack_nil(&s->call->pk);
	}
	sample_pack(s, "populationVariance", whole);
	sample_pack(s, "populationStddev", sqrt(whole));
}

static void
sample_pack_all(const struct sample *s)
{
	msgpack_packer *pk = &s->call->pk;

	msgpack_pack_map(pk, STATISTICS_PAIRS);
	call_pack_str(s->call, "count");
	msgpack_pack_uint64(pk, s->n);
	sample_pack(s, "sum", s->sum);
	sample_pack(s, "mean", s->mean);
	sample_pack_spread(s);
	sample_pack(s, "min", s->values[0]);
	sample_pack(s, "max", s->values[s->n - 1]);
	sample_pack(s, "median", sample_percentile(s, PERCENT_MEDIAN));
	call_pack_str(s->call, "percentiles");
	msgpack_pack_array(pk, s->n_percentiles);
	for (size_t i = 0; i < s->n_percentiles; i++)
		msgpack_pack_double(pk,
		    sample_percentile(s, s->percentiles[i]));
}

/* Reads the percentiles that are asked for, if any. */
static int
sample_read_percentiles(struct sample *s, const msgpack_object *array)
{
	if (array == NULL)
		return 0;
	s->n_percentiles = array->via.array.size;
	if (heavy_number_array(s->call, "params.percentiles", array,
		s->percentiles) < 0)
		return -1;
	for (size_t i = 0; i < s->n_percentiles; i++) {
		if (s->percentiles[i] < 0 || s->percentiles[i] > PERCENT_ALL)
			return call_refuse(s->call, "params.percentiles",
			    "numbers from 0 to 100", &array->via.array.ptr[i]);
	}
	return 0;
}

/* Reads the values of either form. */
static int
sample_read(struct sample *s, const msgpack_object *values)
{
	bool is_bytes = values->type == MSGPACK_OBJECT_BIN;
	size_t len = is_bytes ? values->via.bin.size : values->via.array.size;

	s->n = is_bytes ? len / HEAVY_NUMBER_BYTES : len;
	if (s->n == 0 || s->n > HEAVY_BYTES_VALUES_MAX ||
	    (is_bytes && len % HEAVY_NUMBER_BYTES != 0))
		return call_refuse(s->call, "params.values",
		    "1 to 8388608 numbers, or 8 bytes for each", values);
	s->values = malloc(s->n * sizeof *s->values);
	if (s->values == NULL)
		return call_no_memory(s->call);
	if (!is_bytes)
		return heavy_number_array(s->call, "params.values", values,
		    s->values);
	return heavy_number_bytes(s->call, "params.values",
	    (const uint8_t *)values->via.bin.ptr, s->n, s->values);
}

static int
statistics_run(struct call *call, const msgpack_object *const *args)
{
	struct sample s = {.call = call};
	int rc = sample_read_percentiles(&s, args[STATISTICS_PERCENTILES]);

	if (rc == 0)
		rc = sample_read(&s, args[STATISTICS_VALUES]);
	if (rc == 0)
		rc = sample_compute(&s);
	if (rc == 0)
		sample_pack_all(&s);
	free(s.values);
	return rc;
}

const struct heavy_operation heavy_statistics = {"statistics",
    statistics_fields, statistics_run};
