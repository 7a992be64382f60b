/* Events into groups. */

#include "worker/tasks/analytics-run.h"

#include <stdio.h>

#include "worker/tasks/analytics-scalar.h"
#include "worker/tasks/analytics-time.h"

#define EVENTS_WHERE 320 /* bytes of a place in errors, its NUL included */

/* The event at hand. */
struct moment {
	struct analytics_run *run;
	const char *field; /* that it stands in */
	uint32_t index;
	const msgpack_object *values[ANALYTICS_COLUMNS_MAX]; /* or NULL */
};

/* Refuses a value of the event. */
static int
events_refuse(const struct moment *at, const struct analytics_path *path,
    const char *takes, const msgpack_object *value)
{
	char where[EVENTS_WHERE];

	snprintf(where, sizeof where, "%s[%u].%.*s", at->field, at->index,
	    (int)path->len, path->text);
	return call_refuse(at->run->call, where, takes, value);
}

/* What has no place among groups: 1, skipped, or refused. */
static int
events_misplaced(const struct moment *at, unsigned int column,
    const char *takes)
{
	if (!at->run->skip_invalid)
		return events_refuse(at, &at->run->request.columns[column],
		    takes, at->values[column]);
	at->run->skipped_events++;
	return 1;
}

/* Appends the interval that the event is in; nil, if it has no time. */
static int
events_key_bucket(struct moment *at, struct analytics_key *key)
{
	const struct analytics_request *r = &at->run->request;
	const msgpack_object *value = at->values[r->time_column];
	msgpack_object bucket = {.type = MSGPACK_OBJECT_NIL};
	int64_t ms;

	if (value != NULL) {
		if (!analytics_time_read(value, at->run->in_seconds, &ms))
			return events_misplaced(at, r->time_column,
			    ANALYTICS_TIME_TAKES);
		ms = analytics_time_bucket(ms, r->interval_ms);
		bucket.type = ms < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
				     : MSGPACK_OBJECT_POSITIVE_INTEGER;
		bucket.via.i64 = ms;
	}
	return analytics_groups_key_add(at->run->call, key, &bucket);
}

/* Makes the event's key. Returns 0; 1: it is skipped; or -1. */
static int
events_key(struct moment *at, struct analytics_key *key)
{
	const struct analytics_request *r = &at->run->request;
	int rc;

	key->len = 0;
	for (unsigned int i = 0; i < r->n_group_by; i++) {
		unsigned int column = r->group_by[i];

		rc = analytics_groups_key_add(at->run->call, key,
		    at->values[column]);
		if (rc > 0)
			return events_misplaced(at, column,
			    ANALYTICS_SCALAR_TAKES);
		if (rc < 0)
			return -1;
	}
	return r->interval_ms > 0 ? events_key_bucket(at, key) : 0;
}

/* Adds one of its values to a cell. */
static int
events_add_value(struct moment *at, const struct analytics_state *s,
    struct analytics_cell *cell)
{
	struct analytics_run *run = at->run;
	struct analytics_input in = {.memory = &run->memory,
	    .in_seconds = run->in_seconds};
	int rc;

	if (s->column >= 0) {
		in.value = at->values[s->column];
		if (in.value == NULL)
			return 0;
	}
	rc = s->kind->add(cell, &in);
	if (rc <= 0 || s->lenient)
		return rc < 0 ? -1 : 0;
	if (!run->skip_invalid)
		return events_refuse(at, &run->request.columns[s->column],
		    s->kind->takes, in.value);
	run->skipped_values++;
	return 0;
}

/* Adds its values to its group. */
static int
events_add_values(struct moment *at, const struct analytics_key *key)
{
	const struct analytics_request *r = &at->run->request;
	struct analytics_group *group =
	    analytics_groups_find(&at->run->groups, key);
	struct analytics_cell *cells;

	if (group == NULL)
		return -1;
	analytics_groups_count(group, 1);
	cells = analytics_groups_cells(group);
	for (unsigned int i = 0; i < r->n_states; i++) {
		if (events_add_value(at, &r->states[i], &cells[i]) < 0)
			return -1;
	}
	return 0;
}

/* Adds an event. */
static int
events_add(struct moment *at, const msgpack_object *event)
{
	const struct analytics_request *r = &at->run->request;
	struct analytics_key key;
	char where[EVENTS_WHERE];
	int rc;

	if (event->type != MSGPACK_OBJECT_MAP) {
		if (at->run->skip_invalid) {
			at->run->skipped_events++;
			return 0;
		}
		snprintf(where, sizeof where, "%s[%u]", at->field, at->index);
		return call_refuse(at->run->call, where, "a map", event);
	}
	for (unsigned int i = 0; i < r->n_columns; i++)
		at->values[i] = analytics_path_find(&r->columns[i], event);
	rc = events_key(at, &key);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return events_add_values(at, &key);
}

int
analytics_events_add(struct analytics_run *run, const msgpack_object *events)
{
	struct moment at = {.run = run, .field = "events"};
	uint32_t n = events->via.array.size;

	run->events = n;
	for (at.index = 0; at.index < n; at.index++) {
		if (analytics_run_step(run->call, at.index, at.index, n) < 0 ||
		    events_add(&at, &events->via.array.ptr[at.index]) < 0)
			return -1;
	}
	return 0;
}

/* Says why the bytes at a place are no event. */
static int
events_unpacked(const struct moment *at, size_t place, size_t left,
    msgpack_unpack_return why)
{
	struct call *call = at->run->call;

	if (why != MSGPACK_UNPACK_CONTINUE)
		return call_invalid(call, "packed",
		    "packed has no MessagePack at byte %zu, or containers that "
		    "are nested too deep",
		    place);
	if (left <= ANALYTICS_EVENT_BYTES)
		return call_invalid(call, "packed",
		    "packed ends within the event at byte %zu", place);
	return call_too_large(call, "event of packed", ANALYTICS_EVENT_BYTES);
}

/* Unpacks one event after the other: only one is in memory at a time. */
static int
events_add_bytes(struct moment *at, const char *bytes, size_t len,
    msgpack_zone *zone)
{
	size_t place = 0;

	for (; place < len; at->index++) {
		size_t left = len - place, used = 0;
		size_t most =
		    left < ANALYTICS_EVENT_BYTES ? left : ANALYTICS_EVENT_BYTES;
		msgpack_object event;
		msgpack_unpack_return rc =
		    msgpack_unpack(bytes + place, most, &used, zone, &event);

		if (rc != MSGPACK_UNPACK_SUCCESS &&
		    rc != MSGPACK_UNPACK_EXTRA_BYTES)
			return events_unpacked(at, place, left, rc);
		if (analytics_run_step(at->run->call, at->index, (double)place,
			(double)len) < 0 ||
		    events_add(at, &event) < 0)
			return -1;
		msgpack_zone_clear(zone);
		place += used;
	}
	at->run->events = at->index;
	return 0;
}

int
analytics_events_add_packed(struct analytics_run *run,
    const msgpack_object *packed)
{
	struct moment at = {.run = run, .field = "packed"};
	msgpack_zone zone;
	const uint8_t *bytes;
	size_t len;
	int rc;

	if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
		return call_no_memory(run->call);
	bytes = call_bytes(packed, &len);
	rc = events_add_bytes(&at, (const char *)bytes, len, &zone);
	msgpack_zone_destroy(&zone);
	return rc;
}
