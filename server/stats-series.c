/* Statistics of tasks: how long they waited and ran, and how they ended. */

#include "server/stats-parts.h"

#include <string.h>

#include "server/answer.h"
#include "server/series.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/*
 * Bounds of the buckets for collectors: 16 us, and each four times the last, up
 * to 18 minutes. They are bounds of our own buckets, so that counts are exact.
 */
#define STATS_BOUNDS 14
#define STATS_BOUND_BITS 4
#define STATS_BOUND_STEP 2

#define STATS_STEPS_IN_US ((double)(1 << HISTOGRAM_US_BITS))

/* Packs a key and a time of a histogram, in us. */
static void
stats_pack_us(msgpack_packer *pk, const char *key, uint64_t steps)
{
	answer_text(pk, key);
	msgpack_pack_double(pk, (double)steps / STATS_STEPS_IN_US);
}

static void
stats_pack_percentiles(msgpack_packer *pk, const char *key,
    const struct histogram_sums *s)
{
	static const struct {
		const char *key;
		unsigned int percent;
	} rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}};

	answer_text(pk, key);
	msgpack_pack_map(pk, COUNT(rows) + 2);
	answer_number(pk, "count", s->count);
	for (size_t i = 0; i < COUNT(rows); i++)
		stats_pack_us(pk, rows[i].key,
		    histogram_percentile(s, rows[i].percent));
	stats_pack_us(pk, "max", s->max);
}

static void
stats_pack_times(msgpack_packer *pk, const char *key,
    const struct histogram_sums *minute, const struct histogram_sums *all)
{
	answer_text(pk, key);
	msgpack_pack_map(pk, 2);
	stats_pack_percentiles(pk, "lastMinute", minute);
	stats_pack_percentiles(pk, "sinceStart", all);
}

/* Packs an outcome's reasons that occurred. */
static void
stats_pack_reasons(msgpack_packer *pk, const uint64_t counts[SERIES_ROWS],
    enum outcome outcome)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < SERIES_ROWS; i++)
		n += series_row_outcome(i) == outcome && counts[i] > 0;
	answer_text(pk, series_outcome_name(outcome));
	msgpack_pack_map(pk, n);
	for (unsigned int i = 0; i < SERIES_ROWS; i++) {
		if (series_row_outcome(i) == outcome && counts[i] > 0)
			answer_number(pk, series_row_reason(i), counts[i]);
	}
}

static void
stats_pack_outcomes(msgpack_packer *pk, const uint64_t counts[SERIES_ROWS])
{
	answer_text(pk, "outcomes");
	msgpack_pack_map(pk, OUTCOMES);
	answer_number(pk, series_outcome_name(OUTCOME_COMPLETED),
	    counts[SERIES_COMPLETED]);
	for (int i = OUTCOME_COMPLETED + 1; i < OUTCOMES; i++)
		stats_pack_reasons(pk, counts, (enum outcome)i);
}

#define STATS_SUMS_KEYS 3 /* that this adds to the map */

static void
stats_pack_sums(msgpack_packer *pk, const struct series_sums *s)
{
	stats_pack_times(pk, "waitUs", &s->wait_minute, &s->wait_all);
	stats_pack_times(pk, "runUs", &s->run_minute, &s->run_all);
	stats_pack_outcomes(pk, s->counts);
}

/* Whether there was a task of the type, or none may run. */
static bool
stats_is_used(const struct route *r)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		if (r->series[i] != NULL)
			return true;
	}
	return (r->holds & ROUTE_PAUSED) != 0;
}

static void
stats_pack_type(msgpack_packer *pk, const struct route *r)
{
	struct series_sums sums;

	memset(&sums, 0, sizeof sums);
	for (int i = 0; i < PRIORITY_N; i++) {
		if (r->series[i] != NULL)
			series_sum(&sums, r->series[i]);
	}
	msgpack_pack_map(pk, 4 + STATS_SUMS_KEYS);
	answer_text(pk, "type");
	answer_text(pk, r->name);
	answer_number(pk, "running", r->n_running);
	answer_number(pk, "parked", queue_size(&r->parked));
	answer_text(pk, "paused");
	if (r->holds & ROUTE_PAUSED)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
	stats_pack_sums(pk, &sums);
}

/* Adds all tasks of a priority. */
static void
stats_sum_priority(const struct dispatcher *d, int priority,
    struct series_sums *sums)
{
	const struct route *r;

	for (r = d->routes; r != NULL; r = r->hh.next) {
		if (r->series[priority] != NULL)
			series_sum(sums, r->series[priority]);
	}
}

static void
stats_pack_priority(const struct dispatcher *d, msgpack_packer *pk,
    int priority)
{
	struct series_sums sums;

	memset(&sums, 0, sizeof sums);
	stats_sum_priority(d, priority, &sums);
	msgpack_pack_map(pk, 1 + STATS_SUMS_KEYS);
	answer_text(pk, "priority");
	answer_text(pk, priority_name((enum priority)priority));
	stats_pack_sums(pk, &sums);
}

/* Packs the sums of everything. */
static void
stats_pack_all(const struct dispatcher *d, msgpack_packer *pk)
{
	struct series_sums sums;

	memset(&sums, 0, sizeof sums);
	for (int i = 0; i < PRIORITY_N; i++)
		stats_sum_priority(d, i, &sums);
	series_sum_counts(sums.counts, d->metrics.unknown);
	stats_pack_sums(pk, &sums);
}

void
stats_pack_series(struct dispatcher *d, msgpack_packer *pk)
{
	const struct route *r;
	uint32_t n = 0;

	metrics_turn(d);
	stats_pack_all(d, pk);
	answer_text(pk, "priorities");
	msgpack_pack_array(pk, PRIORITY_N);
	for (int i = 0; i < PRIORITY_N; i++)
		stats_pack_priority(d, pk, i);
	for (r = d->routes; r != NULL; r = r->hh.next)
		n += stats_is_used(r);
	answer_text(pk, "types");
	msgpack_pack_array(pk, n);
	for (r = d->routes; r != NULL; r = r->hh.next) {
		if (stats_is_used(r))
			stats_pack_type(pk, r);
	}
}

/* Packs a histogram as how many were below each bound, and all. */
static void
stats_pack_histogram(msgpack_packer *pk, const char *key,
    const struct histogram *h)
{
	struct histogram_sums sums;

	memset(&sums, 0, sizeof sums);
	histogram_sum_all(&sums, h);
	answer_text(pk, key);
	msgpack_pack_map(pk, 3);
	answer_number(pk, "count", sums.count);
	stats_pack_us(pk, "sum", sums.sum);
	answer_text(pk, "below");
	msgpack_pack_array(pk, STATS_BOUNDS);
	for (unsigned int i = 0; i < STATS_BOUNDS; i++)
		msgpack_pack_uint64(pk,
		    histogram_below(&sums, STATS_BOUND_BITS +
					       STATS_BOUND_STEP * i +
					       HISTOGRAM_US_BITS));
}

/* Packs one type and priority. */
static void
stats_pack_one(msgpack_packer *pk, const struct route *r, int priority)
{
	const struct series *s = r->series[priority];

	msgpack_pack_map(pk, 5);
	answer_text(pk, "type");
	answer_text(pk, r->name);
	answer_text(pk, "priority");
	answer_text(pk, priority_name((enum priority)priority));
	stats_pack_histogram(pk, "waitUs", &s->wait);
	stats_pack_histogram(pk, "runUs", &s->run);
	stats_pack_outcomes(pk, s->counts);
}

void
stats_pack_buckets(struct dispatcher *d, msgpack_packer *pk)
{
	const struct route *r;
	uint32_t n = 0;

	answer_text(pk, "bucketsUs");
	msgpack_pack_array(pk, STATS_BOUNDS);
	for (unsigned int i = 0; i < STATS_BOUNDS; i++)
		msgpack_pack_uint64(pk,
		    (uint64_t)1 << (STATS_BOUND_BITS + STATS_BOUND_STEP * i));
	for (r = d->routes; r != NULL; r = r->hh.next) {
		for (int i = 0; i < PRIORITY_N; i++)
			n += r->series[i] != NULL;
	}
	answer_text(pk, "series");
	msgpack_pack_array(pk, n);
	for (r = d->routes; r != NULL; r = r->hh.next) {
		for (int i = 0; i < PRIORITY_N; i++) {
			if (r->series[i] != NULL)
				stats_pack_one(pk, r, i);
		}
	}
}
