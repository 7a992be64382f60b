#ifndef MORO_TASKS_ANALYTICS_RUN_H
#define MORO_TASKS_ANALYTICS_RUN_H

/* One task of analytics:process: events or partial results become groups. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/limit.h"
#include "worker/call.h"
#include "worker/tasks/analytics-groups.h"
#include "worker/tasks/analytics-memory.h"
#include "worker/tasks/analytics-request.h"

#define ANALYTICS_EVENTS_MAX 1000000 /* of one task */
#define ANALYTICS_EVENT_BYTES ((size_t)1 << 20) /* of one that is packed */
#define ANALYTICS_MERGE_MAX 1000 /* partial results */
#define ANALYTICS_PARTIAL_VERSION 1 /* of partial results' form */

/*
 * Values in a result: some are left for the message around it, whose readers
 * take LIMIT_VALUES_DEFAULT.
 */
#define ANALYTICS_VALUES_MAX (LIMIT_VALUES_DEFAULT - 1000)

#define ANALYTICS_STRIDE 64 /* steps between looks at the clock */

struct analytics_run {
	struct call *call;
	struct analytics_memory memory;
	struct analytics_request request;
	struct analytics_groups groups;
	bool in_seconds; /* numbers that are times */
	bool skip_invalid;
	uint64_t events; /* in all, skipped ones too */
	uint64_t skipped_events;
	uint64_t skipped_values;
};

/* Adds all events of an array. Returns 0, or -1 with the call's error set. */
int analytics_events_add(struct analytics_run *run,
    const msgpack_object *events);

/* The same with events that stand packed, one behind the other. */
int analytics_events_add_packed(struct analytics_run *run,
    const msgpack_object *packed);

/*
 * Adds all partial results of an array, and takes the request from them.
 * Returns 0, or -1 with the call's error set.
 */
int analytics_merge_add(struct analytics_run *run,
    const msgpack_object *partials);

/* Packs the result, or a partial one. Returns 0 or -1. */
int analytics_result_pack(struct analytics_run *run, bool partial);

/* Tells how far a step is, at times, and asks whether to stop. 0 or -1. */
int analytics_run_step(struct call *call, uint32_t step, double done,
    double total);

#endif
