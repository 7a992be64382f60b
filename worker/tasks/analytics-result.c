/* Groups into a result. */

#include "worker/tasks/analytics-run.h"

#include "worker/field.h"
#include "worker/tasks/analytics-metric.h"
#include "worker/tasks/analytics-scalar.h"

/* Values of a group: its map, key, count and metrics, and their names. */
#define RESULT_GROUP_VALUES 7
#define RESULT_BUCKET_VALUES 2
#define RESULT_ROW_VALUES 2 /* of a partial one: its array, its events */
#define RESULT_CELL_VALUES 2 /* its array and n; a kind's own come to it */

/* The number of values that a group's partial result has at most. */
static size_t
result_row_values(const struct analytics_request *r)
{
	size_t n = RESULT_ROW_VALUES + r->n_group_by;

	n += r->interval_ms > 0 ? 1 : 0;
	for (unsigned int i = 0; i < r->n_states; i++) {
		n += r->states[i].kind->values;
		n += r->states[i].kind->values > 0 ? RESULT_CELL_VALUES : 1;
	}
	return n;
}

/* The number of values that a group's result has. */
static size_t
result_group_values(const struct analytics_request *r)
{
	size_t n = RESULT_GROUP_VALUES + 2 * r->n_group_by;

	n += r->interval_ms > 0 ? RESULT_BUCKET_VALUES : 0;
	for (unsigned int i = 0; i < r->n_metrics; i++)
		n += 1 + analytics_metric_values(&r->metrics[i]);
	return n;
}

/* Refuses a result that its readers would not take. */
static int
result_check(const struct analytics_run *run, bool partial)
{
	size_t each = partial ? result_row_values(&run->request)
			      : result_group_values(&run->request);
	struct call *call = run->call;

	if (run->groups.n <= ANALYTICS_VALUES_MAX / each)
		return 0;
	call_fail(call, CODE_TOO_LARGE,
	    "the result of %zu groups has more than %u values; fewer groups or "
	    "metrics have less",
	    run->groups.n, ANALYTICS_VALUES_MAX);
	fault_add_number(&call->fault, "limit", ANALYTICS_VALUES_MAX);
	return -1;
}

/* Puts into order what percentiles are read from. */
static void
result_sort_cells(const struct analytics_request *r,
    struct analytics_cell *cells)
{
	for (unsigned int i = 0; i < r->n_states; i++) {
		if (r->states[i].kind == &analytics_kind_sketch &&
		    cells[i].n > 0)
			analytics_sketch_sort(cells[i].of.sketch);
	}
}

/* Packs a group's key as a map, and its interval if there are any. */
static void
result_pack_key(const struct analytics_run *run, const uint8_t *key)
{
	const struct analytics_request *r = &run->request;
	msgpack_packer *pk = &run->call->pk;

	call_pack_str(run->call, "key");
	msgpack_pack_map(pk, r->n_group_by);
	for (unsigned int i = 0; i < r->n_group_by; i++) {
		const struct analytics_path *path = &r->columns[r->group_by[i]];

		msgpack_pack_str_with_body(pk, path->text, path->len);
		key = analytics_scalar_pack(key, pk);
	}
	if (r->interval_ms > 0) {
		call_pack_str(run->call, "bucket");
		analytics_scalar_pack(key, pk);
	}
}

/* Packs a group: {key, bucket?, count, metrics}. */
static void
result_pack_group(const struct analytics_run *run,
    struct analytics_group *group)
{
	const struct analytics_request *r = &run->request;
	struct analytics_cell *cells = analytics_groups_cells(group);
	msgpack_packer *pk = &run->call->pk;

	msgpack_pack_map(pk, r->interval_ms > 0 ? 4 : 3);
	result_pack_key(run, analytics_groups_key(group));
	call_pack_str(run->call, "count");
	msgpack_pack_uint64(pk, analytics_groups_events(group));
	call_pack_str(run->call, "metrics");
	result_sort_cells(r, cells);
	msgpack_pack_map(pk, r->n_metrics);
	for (unsigned int i = 0; i < r->n_metrics; i++) {
		msgpack_pack_str_with_body(pk, r->metrics[i].name,
		    r->metrics[i].name_len);
		analytics_metric_pack(&r->metrics[i], cells, pk);
	}
}

/* Packs a group as analytics-merge.c reads it. */
static void
result_pack_partial_group(const struct analytics_run *run,
    struct analytics_group *group)
{
	const struct analytics_request *r = &run->request;
	const uint8_t *key = analytics_groups_key(group);
	struct analytics_cell *cells = analytics_groups_cells(group);
	msgpack_packer *pk = &run->call->pk;
	unsigned int n = r->n_group_by + (r->interval_ms > 0 ? 1 : 0);

	msgpack_pack_array(pk, n + 1 + r->n_states);
	for (unsigned int i = 0; i < n; i++)
		key = analytics_scalar_pack(key, pk);
	msgpack_pack_uint64(pk, analytics_groups_events(group));
	for (unsigned int i = 0; i < r->n_states; i++)
		analytics_cell_pack(r->states[i].kind, &cells[i], pk);
}

/* Packs all groups in order. */
static int
result_pack_groups(struct analytics_run *run, bool partial)
{
	struct analytics_group **all;
	uint32_t n = (uint32_t)run->groups.n;

	call_pack_str(run->call, "groups");
	msgpack_pack_array(&run->call->pk, n);
	if (n == 0)
		return 0;
	all = analytics_groups_sort(&run->groups);
	if (all == NULL)
		return -1;
	/* a result that is full already fails in the end */
	for (uint32_t i = 0; i < n && !run->call->out->failed; i++) {
		if (analytics_run_step(run->call, i, i, n) < 0)
			return -1;
		if (partial)
			result_pack_partial_group(run, all[i]);
		else
			result_pack_group(run, all[i]);
	}
	return 0;
}

/* Packs how much was skipped. */
static void
result_pack_skipped(const struct analytics_run *run)
{
	msgpack_packer *pk = &run->call->pk;

	call_pack_str(run->call, "skipped");
	msgpack_pack_map(pk, 2);
	call_pack_str(run->call, "events");
	msgpack_pack_uint64(pk, run->skipped_events);
	call_pack_str(run->call, "values");
	msgpack_pack_uint64(pk, run->skipped_values);
}

int
analytics_result_pack(struct analytics_run *run, bool partial)
{
	struct call *call = run->call;

	if (result_check(run, partial) < 0)
		return -1;
	msgpack_pack_map(&call->pk, partial ? 5 : 3);
	if (partial) {
		call_pack_str(call, "partial");
		msgpack_pack_int(&call->pk, ANALYTICS_PARTIAL_VERSION);
		call_pack_str(call, "request");
		analytics_request_pack(&run->request, &call->pk);
	}
	call_pack_str(call, "events");
	msgpack_pack_uint64(&call->pk, run->events);
	result_pack_skipped(run);
	return result_pack_groups(run, partial);
}
