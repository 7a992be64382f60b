#include "worker/tasks/analytics-request.h"

#include <stdio.h>
#include <string.h>

#include "proto/limit.h"
#include "proto/units.h"
#include "worker/field.h"
#include "worker/tasks/analytics-metric.h"

#define REQUEST_WHERE 160 /* bytes of a place in errors, its NUL included */
#define REQUEST_TEXT 64 /* bytes of a duration, its NUL included */
#define REQUEST_INTERVAL_TAKES                       \
	"a duration such as 15m, 1h or 1d, or 1 to " \
	"4294967295 milliseconds"

unsigned int
analytics_request_column(struct analytics_request *r,
    const struct analytics_path *path)
{
	for (unsigned int i = 0; i < r->n_columns; i++) {
		if (r->columns[i].len == path->len &&
		    memcmp(r->columns[i].text, path->text, path->len) == 0)
			return i;
	}
	r->columns[r->n_columns] = *path;
	return r->n_columns++;
}

/* Adds a path that groups are made by. */
static int
request_add_group_by(struct analytics_request *r, struct call *call,
    const msgpack_object *value, const char *where)
{
	struct analytics_path path;
	const char *text = NULL;
	unsigned int column;
	size_t len = 0;

	if ((field_kind(value) & FIELD_TEXT) != 0)
		text = (const char *)call_bytes(value, &len);
	if (!analytics_path_read(&path, text, len))
		return call_refuse(call, where, ANALYTICS_PATH_TAKES, value);
	column = analytics_request_column(r, &path);
	for (unsigned int i = 0; i < r->n_group_by; i++) {
		if (r->group_by[i] == column)
			return call_invalid(call, where,
			    "%s: this path is given twice", where);
	}
	r->group_by[r->n_group_by++] = column;
	return 0;
}

/* Reads groupBy: a path, or an array of them. */
static int
request_group_by(struct analytics_request *r, struct call *call,
    const msgpack_object *value, const char *prefix)
{
	char where[REQUEST_WHERE];

	snprintf(where, sizeof where, "%sgroupBy", prefix);
	if (value == NULL)
		return 0;
	if (value->type != MSGPACK_OBJECT_ARRAY)
		return request_add_group_by(r, call, value, where);
	if (value->via.array.size > ANALYTICS_GROUP_BY_MAX)
		return call_invalid(call, where,
		    "%s takes up to %d paths, "
		    "not %u",
		    where, ANALYTICS_GROUP_BY_MAX, value->via.array.size);
	for (uint32_t i = 0; i < value->via.array.size; i++) {
		snprintf(where, sizeof where, "%sgroupBy[%u]", prefix, i);
		if (request_add_group_by(r, call, &value->via.array.ptr[i],
			where) < 0)
			return -1;
	}
	return 0;
}

/* Reads an interval. */
static int
request_interval(struct analytics_request *r, struct call *call,
    const msgpack_object *value, const char *prefix)
{
	char where[REQUEST_WHERE], text[REQUEST_TEXT];
	uint64_t ms = 0;
	bool fits;

	if (value == NULL)
		return 0;
	if (value->type == MSGPACK_OBJECT_STR) {
		call_text(value, text, sizeof text);
		fits = value->via.str.size < sizeof text &&
		       units_duration(text, 0, &ms) == 0;
	} else {
		ms = (uint64_t)value->via.i64;
		fits = value->via.i64 > 0;
	}
	if (!fits || ms == 0 || ms > LIMIT_TIME_MS_MAX) {
		snprintf(where, sizeof where, "%sinterval", prefix);
		return call_refuse(call, where, REQUEST_INTERVAL_TAKES, value);
	}
	r->interval_ms = (int64_t)ms;
	return 0;
}

/* Reads the path of the time. It is looked at where it is needed. */
static int
request_time(struct analytics_request *r, struct call *call,
    const msgpack_object *value, const char *prefix)
{
	char where[REQUEST_WHERE];
	const char *text = ANALYTICS_TIME_FIELD;
	size_t len = strlen(text);

	r->has_time = value != NULL;
	if (value != NULL)
		text = (const char *)call_bytes(value, &len);
	if (!analytics_path_read(&r->time, text, len)) {
		snprintf(where, sizeof where, "%stimeField", prefix);
		return call_refuse(call, where, ANALYTICS_PATH_TAKES, value);
	}
	if (r->interval_ms > 0)
		r->time_column = analytics_request_column(r, &r->time);
	return 0;
}

int
analytics_request_init(struct analytics_request *r, struct call *call,
    const struct analytics_asked *asked, const char *prefix)
{
	memset(r, 0, sizeof *r);
	if (request_group_by(r, call, asked->group_by, prefix) < 0 ||
	    request_interval(r, call, asked->interval, prefix) < 0 ||
	    request_time(r, call, asked->time_field, prefix) < 0)
		return -1;
	return analytics_metric_read(r, call, asked->metrics, prefix);
}

static void
request_pack_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

static void
request_pack_path(const struct analytics_path *p, msgpack_packer *pk)
{
	msgpack_pack_str_with_body(pk, p->text, p->len);
}

void
analytics_request_pack(const struct analytics_request *r, msgpack_packer *pk)
{
	msgpack_pack_map(pk, 1 + (r->has_metrics ? 1 : 0) +
				 (r->interval_ms > 0 ? 1 : 0) +
				 (r->has_time ? 1 : 0));
	request_pack_text(pk, "groupBy");
	msgpack_pack_array(pk, r->n_group_by);
	for (unsigned int i = 0; i < r->n_group_by; i++)
		request_pack_path(&r->columns[r->group_by[i]], pk);
	if (r->has_metrics) {
		request_pack_text(pk, "metrics");
		analytics_metric_pack_asked(r, pk);
	}
	if (r->interval_ms > 0) {
		request_pack_text(pk, "interval");
		msgpack_pack_int64(pk, r->interval_ms);
	}
	if (r->has_time) {
		request_pack_text(pk, "timeField");
		request_pack_path(&r->time, pk);
	}
}
