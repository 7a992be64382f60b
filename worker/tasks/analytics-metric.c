#include "worker/tasks/analytics-metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/field.h"
#include "worker/tasks/analytics-op.h"

#define METRIC_WHERE 160 /* bytes of a place in errors, its NUL included */
#define METRIC_NAME 48 /* bytes of a name in it */
#define METRIC_ROUND 1e-6 /* how far thousandths may be off */
#define METRIC_PERCENTS_TAKES                                      \
	"an array of 1 to 16 numbers from 0 to 100, of at most 3 " \
	"decimals"

enum metric_field { METRIC_OP, METRIC_FIELD, METRIC_PERCENTS, METRIC_FIELDS };

static const struct field metric_fields[] = {
    [METRIC_OP] = {.name = "op", .kinds = FIELD_STR, .required = true},
    [METRIC_FIELD] = {.name = "field", .kinds = FIELD_STR},
    [METRIC_PERCENTS] = {.name = "percentiles",
	.kinds = FIELD_ARRAY,
	.min = 1,
	.max = ANALYTICS_PERCENTILES_MAX},
    {.name = NULL},
};

/* A metric that is being read. */
struct reading {
	struct analytics_request *request;
	struct call *call;
	char where[METRIC_WHERE];
};

/* The place of a kind's state of a column, which is there from then on. */
static unsigned int
metric_state(struct analytics_request *r, const struct analytics_kind *kind,
    int column, bool lenient)
{
	struct analytics_state *s;

	for (unsigned int i = 0; i < r->n_states; i++) {
		if (r->states[i].kind == kind && r->states[i].column == column)
			return i;
	}
	s = &r->states[r->n_states];
	s->kind = kind;
	s->column = column;
	s->lenient = lenient;
	return r->n_states++;
}

/* Gives a metric its column and state. */
static int
metric_place(struct reading *reading, struct analytics_metric *m,
    const struct analytics_path *path)
{
	struct analytics_request *r = reading->request;
	int column = -1;

	if (path != NULL) {
		column = (int)analytics_request_column(r, path);
		m->path = &r->columns[column];
	} else if (m->op->needs_field) {
		return call_invalid(reading->call, reading->where,
		    "%s: %s needs a field, as in \"%s:amount\"", reading->where,
		    m->op->name, m->op->name);
	} else if (m->op->of_time) {
		column = (int)analytics_request_column(r, &r->time);
	}
	m->state = metric_state(r, m->op->kind, column, false);
	return 0;
}

/* Reads "op" or "op:path". */
static int
metric_read_short(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *value)
{
	size_t len, op_len;
	const char *text = (const char *)call_bytes(value, &len);
	const char *colon = len > 0 ? memchr(text, ':', len) : NULL;
	struct analytics_path path;

	op_len = colon != NULL ? (size_t)(colon - text) : len;
	if (len > ANALYTICS_TEXT_MAX || !analytics_op_read(m, text, op_len))
		return call_refuse(reading->call, reading->where,
		    ANALYTICS_OP_TAKES ", with \":\" and a path", value);
	if (colon == NULL)
		return metric_place(reading, m, NULL);
	if (!analytics_path_read(&path, colon + 1, len - op_len - 1))
		return call_refuse(reading->call, reading->where,
		    "behind \":\" " ANALYTICS_PATH_TAKES, value);
	return metric_place(reading, m, &path);
}

/* Refuses a field of a metric. */
static int
metric_refuse(struct reading *reading, const char *field, const char *takes,
    const msgpack_object *value)
{
	char name[METRIC_WHERE + METRIC_NAME];

	snprintf(name, sizeof name, "%s.%s", reading->where, field);
	return call_refuse(reading->call, name, takes, value);
}

/* Reads percentages as thousandths. */
static int
metric_read_percents(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *value)
{
	const msgpack_object_array *array = &value->via.array;

	m->n_percents = array->size;
	for (uint32_t i = 0; i < array->size; i++) {
		double p = field_kind(&array->ptr[i]) & FIELD_NUMBER
			       ? call_number(&array->ptr[i], 0)
			       : -1;
		double t = round(p * ANALYTICS_PERCENT);

		if (!(p >= 0 && p <= 100) ||
		    fabs(p * ANALYTICS_PERCENT - t) > METRIC_ROUND)
			return metric_refuse(reading, "percentiles",
			    METRIC_PERCENTS_TAKES, &array->ptr[i]);
		m->percents[i] = (uint32_t)t;
	}
	return 0;
}

/* Reads the percentages of a metric that has some or none. */
static int
metric_read_own_percents(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *value)
{
	if (value == NULL)
		return 0;
	if (!analytics_op_takes_percents(m->op) || m->single)
		return metric_refuse(reading, "percentiles",
		    "no value unless op is \"percentiles\"", value);
	return metric_read_percents(reading, m, value);
}

/* Reads {op, field, percentiles}. */
static int
metric_read_map(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *value)
{
	const msgpack_object *args[METRIC_FIELDS];
	struct analytics_path path;
	char prefix[METRIC_WHERE + 1];
	const char *text;
	size_t len;

	snprintf(prefix, sizeof prefix, "%s.", reading->where);
	if (call_bind(reading->call, metric_fields, value, prefix, args) < 0)
		return -1;
	text = (const char *)call_bytes(args[METRIC_OP], &len);
	if (!analytics_op_read(m, text, len))
		return metric_refuse(reading, "op", ANALYTICS_OP_TAKES,
		    args[METRIC_OP]);
	if (metric_read_own_percents(reading, m, args[METRIC_PERCENTS]) < 0)
		return -1;
	if (args[METRIC_FIELD] == NULL)
		return metric_place(reading, m, NULL);
	text = (const char *)call_bytes(args[METRIC_FIELD], &len);
	if (!analytics_path_read(&path, text, len))
		return metric_refuse(reading, "field", ANALYTICS_PATH_TAKES,
		    args[METRIC_FIELD]);
	return metric_place(reading, m, &path);
}

/* Gives a metric its name, which no other may have. */
static int
metric_name(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *name)
{
	struct analytics_request *r = reading->request;
	size_t len;

	m->name = (const char *)call_bytes(name, &len);
	m->name_len = (uint32_t)len;
	for (struct analytics_metric *o = r->metrics; o < m; o++) {
		if (o->name_len == len && memcmp(o->name, m->name, len) == 0)
			return call_invalid(reading->call, reading->where,
			    "%s: there is a metric of this name already",
			    reading->where);
	}
	return 0;
}

/* Reads a metric with a name. */
static int
metric_read_one(struct reading *reading, struct analytics_metric *m,
    const msgpack_object *name, const msgpack_object *value)
{
	int rc;

	m->path = NULL;
	if (value->type == MSGPACK_OBJECT_MAP)
		rc = metric_read_map(reading, m, value);
	else if (field_kind(value) & FIELD_TEXT)
		rc = metric_read_short(reading, m, value);
	else
		rc = call_refuse(reading->call, reading->where,
		    "a text such as \"sum:amount\", or a map of op, field, "
		    "percentiles",
		    value);
	return rc < 0 ? -1 : metric_name(reading, m, name);
}

/* Reads an array of short forms: each is its own name. */
static int
metric_read_array(struct reading *reading, const char *prefix,
    const msgpack_object_array *array)
{
	struct analytics_request *r = reading->request;

	for (uint32_t i = 0; i < array->size; i++) {
		const msgpack_object *value = &array->ptr[i];

		snprintf(reading->where, sizeof reading->where, "%smetrics[%u]",
		    prefix, i);
		if ((field_kind(value) & FIELD_TEXT) == 0)
			return call_refuse(reading->call, reading->where,
			    "a text such as \"sum:amount\"", value);
		if (metric_read_one(reading, &r->metrics[i], value, value) < 0)
			return -1;
		r->n_metrics++;
	}
	return 0;
}

/* Reads a map of names and metrics. */
static int
metric_read_names(struct reading *reading, const char *prefix,
    const msgpack_object_map *map)
{
	struct analytics_request *r = reading->request;
	char name[METRIC_NAME];

	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object *key = &map->ptr[i].key;
		size_t len = 0;

		if (field_kind(key) & FIELD_TEXT)
			call_bytes(key, &len);
		snprintf(reading->where, sizeof reading->where, "%smetrics",
		    prefix);
		if (len == 0 || len > ANALYTICS_TEXT_MAX)
			return call_refuse(reading->call, reading->where,
			    "names of 1 to 256 bytes", key);
		call_text(key, name, sizeof name);
		snprintf(reading->where, sizeof reading->where, "%smetrics.%s",
		    prefix, name);
		if (metric_read_one(reading, &r->metrics[i], key,
			&map->ptr[i].val) < 0)
			return -1;
		r->n_metrics++;
	}
	return 0;
}

/* Without metrics: the first and the last time, where there is one. */
static void
metric_default(struct analytics_request *r)
{
	const struct analytics_op *const ops[] = {&analytics_op_first,
	    &analytics_op_last};
	int column = (int)analytics_request_column(r, &r->time);

	for (unsigned int i = 0; i < 2; i++) {
		struct analytics_metric *m = &r->metrics[r->n_metrics++];

		memset(m, 0, sizeof *m);
		m->op = ops[i];
		m->name = m->op->name;
		m->name_len = (uint32_t)strlen(m->name);
		m->state = metric_state(r, m->op->kind, column, true);
	}
}

int
analytics_metric_read(struct analytics_request *r, struct call *call,
    const msgpack_object *metrics, const char *prefix)
{
	struct reading reading = {.request = r, .call = call};
	uint32_t n;

	r->has_metrics = metrics != NULL;
	if (metrics == NULL) {
		metric_default(r);
		return 0;
	}
	n = metrics->type == MSGPACK_OBJECT_MAP ? metrics->via.map.size
						: metrics->via.array.size;
	if (n == 0 || n > ANALYTICS_METRICS_MAX) {
		snprintf(reading.where, sizeof reading.where, "%smetrics",
		    prefix);
		return call_invalid(call, reading.where,
		    "%s takes 1 to %d metrics, not %u", reading.where,
		    ANALYTICS_METRICS_MAX, n);
	}
	if (metrics->type == MSGPACK_OBJECT_MAP)
		return metric_read_names(&reading, prefix, &metrics->via.map);
	return metric_read_array(&reading, prefix, &metrics->via.array);
}

static void
metric_pack_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

/* Packs an operation: "sum", "p95". */
static void
metric_pack_op(const struct analytics_metric *m, msgpack_packer *pk)
{
	char text[METRIC_NAME];

	if (!m->single) {
		metric_pack_text(pk, m->op->name);
		return;
	}
	snprintf(text, sizeof text, "p%g",
	    m->percents[0] / (double)ANALYTICS_PERCENT);
	metric_pack_text(pk, text);
}

/* Packs a metric as a map that metric_read_map() reads. */
static void
metric_pack_asked(const struct analytics_metric *m, msgpack_packer *pk)
{
	bool percents = analytics_op_takes_percents(m->op) && !m->single;

	msgpack_pack_map(pk, 1 + (m->path != NULL) + (percents ? 1 : 0));
	metric_pack_text(pk, "op");
	metric_pack_op(m, pk);
	if (m->path != NULL) {
		metric_pack_text(pk, "field");
		msgpack_pack_str_with_body(pk, m->path->text, m->path->len);
	}
	if (!percents)
		return;
	metric_pack_text(pk, "percentiles");
	msgpack_pack_array(pk, m->n_percents);
	for (unsigned int i = 0; i < m->n_percents; i++) {
		struct analytics_number n =
		    analytics_op_percent(m->percents[i]);

		analytics_number_pack(&n, pk);
	}
}

void
analytics_metric_pack_asked(const struct analytics_request *r,
    msgpack_packer *pk)
{
	msgpack_pack_map(pk, r->n_metrics);
	for (unsigned int i = 0; i < r->n_metrics; i++) {
		msgpack_pack_str_with_body(pk, r->metrics[i].name,
		    r->metrics[i].name_len);
		metric_pack_asked(&r->metrics[i], pk);
	}
}

void
analytics_metric_pack(const struct analytics_metric *m,
    const struct analytics_cell *cells, msgpack_packer *pk)
{
	m->op->pack(m, &cells[m->state], pk);
}

unsigned int
analytics_metric_values(const struct analytics_metric *m)
{
	return m->n_percents == 0 || m->single ? 1 : 1 + 2 * m->n_percents;
}
