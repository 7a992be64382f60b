#ifndef MORO_TASKS_ANALYTICS_REQUEST_H
#define MORO_TASKS_ANALYTICS_REQUEST_H

/*
 * What is asked of events: by what they are grouped, and which metrics each
 * group has. A partial result carries it, too, so that its merge is sure to
 * mean the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/call.h"
#include "worker/tasks/analytics-path.h"
#include "worker/tasks/analytics-state.h"

#define ANALYTICS_GROUP_BY_MAX 8 /* paths */
#define ANALYTICS_METRICS_MAX 32
#define ANALYTICS_PERCENTILES_MAX 16 /* of one metric */
#define ANALYTICS_COLUMNS_MAX \
	(ANALYTICS_GROUP_BY_MAX + ANALYTICS_METRICS_MAX + 1)
#define ANALYTICS_TIME_FIELD "timestamp"

struct analytics_metric;

/* A way to make a metric of a state. */
struct analytics_op {
	const char *name;
	const struct analytics_kind *kind;
	bool needs_field;
	bool of_time; /* without a field, of the time */
	/* Packs the metric; the cell is in order. */
	void (*pack)(const struct analytics_metric *m,
	    const struct analytics_cell *c, msgpack_packer *pk);
};

struct analytics_metric {
	const char *name; /* borrowed, as all texts here */
	uint32_t name_len;
	const struct analytics_op *op;
	const struct analytics_path *path; /* as it was given, or NULL */
	unsigned int state; /* place in `states` */
	uint32_t percents[ANALYTICS_PERCENTILES_MAX]; /* in thousandths */
	unsigned int n_percents;
	bool single; /* of one percentile: a number, no map */
};

/* A kind of state, of a column. */
struct analytics_state {
	const struct analytics_kind *kind;
	int column; /* -1: of the events themselves */
	bool lenient; /* other values than it takes are passed over */
};

/* The fields that say it, as they were bound; each may be NULL. */
struct analytics_asked {
	const msgpack_object *group_by, *metrics, *interval, *time_field;
};

/* These fields in a table. */
#define ANALYTICS_FIELD_GROUP_BY                                     \
	{                                                            \
		.name = "groupBy", .kinds = FIELD_STR | FIELD_ARRAY, \
		.about = "A path (\"user.country\"), or up to 8: "   \
			 "what a group has in common.",              \
	}
#define ANALYTICS_FIELD_METRICS                                        \
	{                                                              \
		.name = "metrics", .kinds = FIELD_ARRAY | FIELD_MAP,   \
		.about = "Up to 32: [\"sum:amount\", \"p95:ms\"], or " \
			 "a map of names.",                            \
	}
#define ANALYTICS_FIELD_INTERVAL                                     \
	{                                                            \
		.name = "interval", .kinds = FIELD_STR | FIELD_INT,  \
		.about = "A duration such as 15m, or milliseconds: " \
			 "a group for each.",                        \
	}
#define ANALYTICS_FIELD_TIME_FIELD                       \
	{                                                \
		.name = "timeField", .kinds = FIELD_STR, \
		.fallback = ANALYTICS_TIME_FIELD,        \
		.about = "The path of an event's time.", \
	}

struct analytics_request {
	struct analytics_path columns[ANALYTICS_COLUMNS_MAX]; /* no two equal */
	unsigned int n_columns;
	unsigned int group_by[ANALYTICS_GROUP_BY_MAX]; /* columns */
	unsigned int n_group_by;
	struct analytics_metric metrics[ANALYTICS_METRICS_MAX];
	unsigned int n_metrics;
	bool has_metrics; /* or the default ones */
	struct analytics_state states[ANALYTICS_METRICS_MAX];
	unsigned int n_states;
	int64_t interval_ms; /* 0: none */
	struct analytics_path time;
	bool has_time; /* it was given, or is the default one */
	unsigned int time_column; /* of the intervals, if there are any */
};

/*
 * Reads what was asked; `prefix` stands before names in errors. Returns 0, or
 * -1 with the call's error set.
 */
int analytics_request_init(struct analytics_request *r, struct call *call,
    const struct analytics_asked *asked, const char *prefix);

/* Packs it as a map of its fields, the same for the same request. */
void analytics_request_pack(const struct analytics_request *r,
    msgpack_packer *pk);

/* The place of a path in the columns, which has it from then on. */
unsigned int analytics_request_column(struct analytics_request *r,
    const struct analytics_path *path);

#endif
