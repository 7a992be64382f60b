#include "worker/tasks/analytics.h"

#include <stdlib.h>

#include "worker/call.h"
#include "worker/field.h"
#include "worker/tasks/analytics-distinct.h"
#include "worker/tasks/analytics-groups.h"
#include "worker/tasks/analytics-run.h"

enum analytics_field {
	ANALYTICS_EVENTS,
	ANALYTICS_PACKED,
	ANALYTICS_GROUP_BY,
	ANALYTICS_METRICS,
	ANALYTICS_INTERVAL,
	ANALYTICS_TIME,
	ANALYTICS_TIME_UNIT,
	ANALYTICS_SKIP_INVALID,
	ANALYTICS_PARTIAL,
	ANALYTICS_MERGE,
};

static const char *const analytics_units[] = {"ms", "s", NULL};

static const struct field analytics_fields[] = {
    [ANALYTICS_EVENTS] = {.name = "events",
	.kinds = FIELD_ARRAY,
	.max = ANALYTICS_EVENTS_MAX,
	.about = "Maps; or give packed, or merge."},
    [ANALYTICS_PACKED] = {.name = "packed",
	.kinds = FIELD_BIN,
	.about = "Events as MessagePack maps, one behind the other, as in a "
		 "file."},
    [ANALYTICS_GROUP_BY] = ANALYTICS_FIELD_GROUP_BY,
    [ANALYTICS_METRICS] = ANALYTICS_FIELD_METRICS,
    [ANALYTICS_INTERVAL] = ANALYTICS_FIELD_INTERVAL,
    [ANALYTICS_TIME] = ANALYTICS_FIELD_TIME_FIELD,
    [ANALYTICS_TIME_UNIT] = {.name = "timeUnit",
	.kinds = FIELD_STR,
	.allowed = analytics_units,
	.fallback = "ms",
	.about = "What times that are numbers count, since 1970."},
    [ANALYTICS_SKIP_INVALID] = {.name = "skipInvalid",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Count wrong values as skipped instead of refusing them."},
    [ANALYTICS_PARTIAL] = {.name = "partial",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Answer a partial result, for merge."},
    [ANALYTICS_MERGE] = {.name = "merge",
	.kinds = FIELD_ARRAY,
	.min = 1,
	.max = ANALYTICS_MERGE_MAX,
	.about = "Partial results instead of events: of all of these."},
    {.name = NULL},
};

int
analytics_init(void)
{
	analytics_groups_init_secret();
	analytics_distinct_init();
	return 0;
}

int
analytics_run_step(struct call *call, uint32_t step, double done, double total)
{
	if (step % ANALYTICS_STRIDE == 0)
		call_progress(call, done, total, NULL);
	return call_cancelled(call) ? call_stopped(call) : 0;
}

/* Fields that say what partial results say already are refused. */
static int
analytics_check_merge(struct call *call)
{
	for (int i = ANALYTICS_EVENTS; i <= ANALYTICS_PACKED; i++) {
		if (call->args[i] != NULL)
			return call_invalid(call, analytics_fields[i].name,
			    "%s and merge cannot be given together",
			    analytics_fields[i].name);
	}
	for (int i = ANALYTICS_GROUP_BY; i <= ANALYTICS_SKIP_INVALID; i++) {
		if (call->args[i] != NULL)
			return call_invalid(call, analytics_fields[i].name,
			    "merge takes %s from the partial results: leave it "
			    "out",
			    analytics_fields[i].name);
	}
	return 0;
}

/* Reads what is asked of events. */
static int
analytics_read_request(struct analytics_run *run)
{
	struct call *call = run->call;
	const struct analytics_asked asked = {
	    .group_by = call->args[ANALYTICS_GROUP_BY],
	    .metrics = call->args[ANALYTICS_METRICS],
	    .interval = call->args[ANALYTICS_INTERVAL],
	    .time_field = call->args[ANALYTICS_TIME],
	};

	if (call->args[ANALYTICS_EVENTS] == NULL &&
	    call->args[ANALYTICS_PACKED] == NULL)
		return call_invalid(call, "events",
		    "events is missing; it takes an array of maps (or give "
		    "packed, or merge)");
	if (call->args[ANALYTICS_EVENTS] != NULL &&
	    call->args[ANALYTICS_PACKED] != NULL)
		return call_invalid(call, "packed",
		    "events and packed cannot be given together");
	if (analytics_request_init(&run->request, call, &asked, "") < 0)
		return -1;
	run->groups.n_cells = run->request.n_states;
	run->in_seconds = call_is(call->args[ANALYTICS_TIME_UNIT], "s");
	run->skip_invalid =
	    call_bool(call->args[ANALYTICS_SKIP_INVALID], false);
	return 0;
}

/* Makes the groups. */
static int
analytics_gather(struct analytics_run *run)
{
	const struct call *call = run->call;

	if (call->args[ANALYTICS_MERGE] != NULL)
		return analytics_check_merge(run->call) < 0
			   ? -1
			   : analytics_merge_add(run,
				 call->args[ANALYTICS_MERGE]);
	if (analytics_read_request(run) < 0)
		return -1;
	if (call->args[ANALYTICS_PACKED] != NULL)
		return analytics_events_add_packed(run,
		    call->args[ANALYTICS_PACKED]);
	return analytics_events_add(run, call->args[ANALYTICS_EVENTS]);
}

/* Groups events, or merges groups, and packs them. */
static int
analytics_process(struct call *call)
{
	struct analytics_run *run = calloc(1, sizeof *run);
	bool partial = call_bool(call->args[ANALYTICS_PARTIAL], false);
	int rc;

	if (run == NULL)
		return call_no_memory(call);
	run->call = call;
	run->memory.call = call;
	run->groups.memory = &run->memory;
	rc = analytics_gather(run);
	if (rc == 0)
		rc = analytics_result_pack(run, partial);
	analytics_groups_clear(&run->groups);
	analytics_memory_clear(&run->memory);
	free(run);
	return rc;
}

const struct task_type analytics_type = {
    .name = "analytics:process",
    .about = "Counts and measures events by groups; merges such results.",
    .result = "A map: events, skipped, groups, which are maps of key, bucket, "
	      "count, metrics; or a partial result.",
    .example = "{\"events\": [{\"type\": \"buy\", \"amount\": 5}], "
	       "\"groupBy\": \"type\", \"metrics\": [\"sum:amount\"]}",
    .flags = TYPE_IDEMPOTENT | TYPE_SOFT_CANCEL | TYPE_PROGRESS,
    .timeout_ms = 30000,
    .fields = analytics_fields,
    .run = analytics_process,
};
