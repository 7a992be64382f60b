/* Partial results into groups. They may be forged: all is checked. */

#include "worker/tasks/analytics-run.h"

#include <stdio.h>
#include <string.h>

#include "worker/field.h"
#include "worker/tasks/analytics-time.h"

#define MERGE_WHERE 80 /* bytes of a place in errors, its NUL included */
#define MERGE_REQUEST_MAX ((size_t)1 << 20) /* far more than one may have */
#define MERGE_COUNT_MAX ((int64_t)ANALYTICS_COUNT_MAX)

enum partial_field {
	PARTIAL_VERSION,
	PARTIAL_REQUEST,
	PARTIAL_EVENTS,
	PARTIAL_SKIPPED,
	PARTIAL_GROUPS,
	PARTIAL_FIELDS,
};

enum asked_field {
	ASKED_GROUP_BY,
	ASKED_METRICS,
	ASKED_INTERVAL,
	ASKED_TIME_FIELD,
	ASKED_FIELDS,
};

enum skipped_field { SKIPPED_EVENTS, SKIPPED_VALUES, SKIPPED_FIELDS };

/* A count that must be there. */
#define MERGE_COUNT(called)                                             \
	{                                                               \
		.name = (called), .kinds = FIELD_INT, .required = true, \
		.min = 0, .max = MERGE_COUNT_MAX,                       \
	}

static const struct field partial_fields[] = {
    [PARTIAL_VERSION] = {.name = "partial",
	.kinds = FIELD_INT,
	.required = true,
	.min = ANALYTICS_PARTIAL_VERSION,
	.max = ANALYTICS_PARTIAL_VERSION},
    [PARTIAL_REQUEST] = {.name = "request",
	.kinds = FIELD_MAP,
	.required = true},
    [PARTIAL_EVENTS] = MERGE_COUNT("events"),
    [PARTIAL_SKIPPED] = {.name = "skipped",
	.kinds = FIELD_MAP,
	.required = true},
    [PARTIAL_GROUPS] = {.name = "groups",
	.kinds = FIELD_ARRAY,
	.required = true},
    {.name = NULL},
};

static const struct field asked_fields[] = {
    [ASKED_GROUP_BY] = ANALYTICS_FIELD_GROUP_BY,
    [ASKED_METRICS] = ANALYTICS_FIELD_METRICS,
    [ASKED_INTERVAL] = ANALYTICS_FIELD_INTERVAL,
    [ASKED_TIME_FIELD] = ANALYTICS_FIELD_TIME_FIELD,
    {.name = NULL},
};

static const struct field skipped_fields[] = {
    [SKIPPED_EVENTS] = MERGE_COUNT("events"),
    [SKIPPED_VALUES] = MERGE_COUNT("values"),
    {.name = NULL},
};

/* The partial result at hand. */
struct part {
	struct analytics_run *run;
	uint32_t index;
	char name[MERGE_WHERE]; /* "merge[2]" */
	const msgpack_object *args[PARTIAL_FIELDS];
	struct output *asked; /* the request, packed */
	uint64_t events; /* counted so far */
};

/* Reads the part's request. */
static int
merge_read_request(const struct part *p, struct analytics_request *r)
{
	const msgpack_object *args[ASKED_FIELDS];
	struct analytics_asked asked;
	char prefix[MERGE_WHERE + sizeof ".request."];

	snprintf(prefix, sizeof prefix, "%s.request.", p->name);
	if (call_bind(p->run->call, asked_fields, p->args[PARTIAL_REQUEST],
		prefix, args) < 0)
		return -1;
	asked.group_by = args[ASKED_GROUP_BY];
	asked.metrics = args[ASKED_METRICS];
	asked.interval = args[ASKED_INTERVAL];
	asked.time_field = args[ASKED_TIME_FIELD];
	return analytics_request_init(r, p->run->call, &asked, prefix);
}

/* Packs a request into an output. */
static int
merge_pack_request(const struct part *p, const struct analytics_request *r,
    struct output *out)
{
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, output_write);
	analytics_request_pack(r, &pk);
	return out->failed ? call_no_memory(p->run->call) : 0;
}

/* The first part says what is asked for. */
static int
merge_first_request(struct part *p)
{
	struct analytics_run *run = p->run;

	if (merge_read_request(p, &run->request) < 0)
		return -1;
	run->groups.n_cells = run->request.n_states;
	return merge_pack_request(p, &run->request, p->asked);
}

/* Compares the part's request with the first one. */
static int
merge_compare_request(const struct part *p, const struct output *packed)
{
	char where[MERGE_WHERE + sizeof ".request"];

	if (packed->len == p->asked->len &&
	    memcmp(packed->bytes, p->asked->bytes, packed->len) == 0)
		return 0;
	snprintf(where, sizeof where, "%s.request", p->name);
	return call_invalid(p->run->call, where,
	    "%s is not that of merge[0]: other groupBy, metrics, interval or "
	    "timeField",
	    where);
}

/* All others must say the same. */
static int
merge_same_request(struct part *p)
{
	struct analytics_request other;
	struct output packed;
	int rc;

	if (merge_read_request(p, &other) < 0)
		return -1;
	output_init(&packed, MERGE_REQUEST_MAX);
	rc = merge_pack_request(p, &other, &packed);
	if (rc == 0)
		rc = merge_compare_request(p, &packed);
	output_clear(&packed);
	return rc;
}

/* Refuses an element of a group; -1: the group itself. */
static int
merge_refuse(const struct part *p, uint32_t group, int element,
    const char *takes, const msgpack_object *value)
{
	char where[2 * MERGE_WHERE];
	size_t len;

	snprintf(where, sizeof where, "%s.groups[%u]", p->name, group);
	len = strlen(where);
	if (element >= 0)
		snprintf(where + len, sizeof where - len, "[%d]", element);
	return call_refuse(p->run->call, where, takes, value);
}

/* Whether a value may be the begin of an interval. */
static bool
merge_is_bucket(const msgpack_object *value, int64_t interval_ms)
{
	int64_t ms = value->via.i64;

	if (value->type == MSGPACK_OBJECT_NIL)
		return true;
	return field_kind(value) == FIELD_INT && ms <= ANALYTICS_TIME_MAX &&
	       ms >= -ANALYTICS_TIME_MAX - interval_ms && ms % interval_ms == 0;
}

/* Makes the key of a group. Returns the elements it has, or -1. */
static int
merge_key(struct part *p, uint32_t index, const msgpack_object *row,
    struct analytics_key *key)
{
	const struct analytics_request *r = &p->run->request;
	int n = (int)r->n_group_by;
	int rc;

	key->len = 0;
	if (r->interval_ms > 0) {
		if (!merge_is_bucket(&row[n], r->interval_ms))
			return merge_refuse(p, index, n,
			    "nil or the begin of an interval", &row[n]);
		n++;
	}
	for (int i = 0; i < n; i++) {
		rc = analytics_groups_key_add(p->run->call, key, &row[i]);
		if (rc > 0)
			return merge_refuse(p, index, i, "a key", &row[i]);
		if (rc < 0)
			return -1;
	}
	return n;
}

/* Counts a group's events; there cannot be more than the part has. */
static int
merge_events(struct part *p, uint32_t index, int at, const msgpack_object *n)
{
	uint64_t left = p->args[PARTIAL_EVENTS]->via.u64 - p->events;

	if (n->type != MSGPACK_OBJECT_POSITIVE_INTEGER || n->via.u64 == 0 ||
	    n->via.u64 > left)
		return merge_refuse(p, index, at,
		    "a count: the groups have no more events than the result",
		    n);
	p->events += n->via.u64;
	return 0;
}

/* Adds the cells of a group, from element `at` on: behind its events. */
static int
merge_cells(struct part *p, uint32_t index, int at, const msgpack_object *row,
    struct analytics_group *group)
{
	const struct analytics_request *r = &p->run->request;
	struct analytics_cell *cells = analytics_groups_cells(group);
	struct analytics_input in = {.memory = &p->run->memory};
	uint64_t events = row[at - 1].via.u64;
	int rc;

	for (unsigned int i = 0; i < r->n_states; i++, at++) {
		in.value = &row[at];
		rc = analytics_cell_merge(r->states[i].kind, &cells[i], &in,
		    events);
		if (rc > 0)
			return merge_refuse(p, index, at, ANALYTICS_CELL_TAKES,
			    &row[at]);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Adds a group: [key..., interval?, events, cells...]. */
static int
merge_group(struct part *p, uint32_t index, const msgpack_object *group)
{
	const struct analytics_request *r = &p->run->request;
	const msgpack_object *row = group->via.array.ptr;
	uint32_t n =
	    r->n_group_by + (r->interval_ms > 0 ? 1 : 0) + 1 + r->n_states;
	struct analytics_group *into;
	struct analytics_key key;
	char takes[MERGE_WHERE];
	int at;

	if (group->type != MSGPACK_OBJECT_ARRAY || group->via.array.size != n) {
		snprintf(takes, sizeof takes, "an array of %u", n);
		return merge_refuse(p, index, -1, takes, group);
	}
	at = merge_key(p, index, row, &key);
	if (at < 0 || merge_events(p, index, at, &row[at]) < 0)
		return -1;
	into = analytics_groups_find(&p->run->groups, &key);
	if (into == NULL)
		return -1;
	analytics_groups_count(into, row[at].via.u64);
	return merge_cells(p, index, at + 1, row, into);
}

/* Adds the part's counts, which its groups must agree with. */
static int
merge_totals(struct part *p)
{
	struct analytics_run *run = p->run;
	uint64_t events = p->args[PARTIAL_EVENTS]->via.u64;
	const msgpack_object *args[SKIPPED_FIELDS];
	char name[MERGE_WHERE + sizeof ".skipped."];

	snprintf(name, sizeof name, "%s.skipped.", p->name);
	if (call_bind(run->call, skipped_fields, p->args[PARTIAL_SKIPPED], name,
		args) < 0)
		return -1;
	if (p->events + args[SKIPPED_EVENTS]->via.u64 != events ||
	    events > ANALYTICS_COUNT_MAX - run->events ||
	    args[SKIPPED_VALUES]->via.u64 >
		ANALYTICS_COUNT_MAX - run->skipped_values) {
		snprintf(name, sizeof name, "%s.events", p->name);
		return call_invalid(run->call, name,
		    "%s is not what groups and skipped ones have, or over 2^53",
		    name);
	}
	run->events += events;
	run->skipped_events += args[SKIPPED_EVENTS]->via.u64;
	run->skipped_values += args[SKIPPED_VALUES]->via.u64;
	return 0;
}

/* Adds a partial result. */
static int
merge_part(struct part *p, const msgpack_object *partial)
{
	char prefix[MERGE_WHERE + 1];
	const msgpack_object_array *groups;

	snprintf(p->name, sizeof p->name, "merge[%u]", p->index);
	snprintf(prefix, sizeof prefix, "%s.", p->name);
	if (call_bind(p->run->call, partial_fields, partial, prefix, p->args) <
	    0)
		return -1;
	if ((p->index == 0 ? merge_first_request(p) : merge_same_request(p)) <
	    0)
		return -1;
	p->events = 0;
	groups = &p->args[PARTIAL_GROUPS]->via.array;
	for (uint32_t i = 0; i < groups->size; i++) {
		if (analytics_run_step(p->run->call, i, i, groups->size) < 0 ||
		    merge_group(p, i, &groups->ptr[i]) < 0)
			return -1;
	}
	return merge_totals(p);
}

int
analytics_merge_add(struct analytics_run *run, const msgpack_object *partials)
{
	struct output asked;
	struct part p = {.run = run, .asked = &asked};
	int rc = 0;

	output_init(&asked, MERGE_REQUEST_MAX);
	for (uint32_t i = 0; rc == 0 && i < partials->via.array.size; i++) {
		p.index = i;
		rc = merge_part(&p, &partials->via.array.ptr[i]);
	}
	output_clear(&asked);
	return rc;
}
