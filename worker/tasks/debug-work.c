/* debug:work: a long task that plays by all the rules, or by none. */

#include "worker/tasks/debug.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "worker/call.h"

#define WORK_MS_MAX (60 * 60 * 1000) /* one hour */
#define WORK_STEPS_MAX 1000000
#define WORK_STEPS 100
#define WORK_ATTEMPTS_MAX 100
#define US_PER_MS 1000
#define US_PER_S 1000000
#define NS_PER_US 1000

enum work_field {
	WORK_MS,
	WORK_STEPS_FIELD,
	WORK_CLEANUP,
	WORK_DEAF,
	WORK_CRASHES,
	WORK_FAILS,
};

static const struct field work_fields[] = {
    [WORK_MS] = {.name = "ms",
	.kinds = FIELD_INT,
	.fallback = "0",
	.max = WORK_MS_MAX,
	.about = "Milliseconds that all steps take together."},
    [WORK_STEPS_FIELD] = {.name = "steps",
	.kinds = FIELD_INT,
	.fallback = "100",
	.min = 1,
	.max = WORK_STEPS_MAX,
	.about = "Steps, after each of which progress is told."},
    [WORK_CLEANUP] = {.name = "cleanupMs",
	.kinds = FIELD_INT,
	.fallback = "0",
	.max = WORK_MS_MAX,
	.about = "How long it takes to stop when it is cancelled."},
    [WORK_DEAF] = {.name = "deaf",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Never look whether it is cancelled."},
    [WORK_CRASHES] = {.name = "crashes",
	.kinds = FIELD_INT,
	.fallback = "0",
	.max = WORK_ATTEMPTS_MAX,
	.about = "Die of SIGSEGV in so many attempts, from the first on."},
    [WORK_FAILS] = {.name = "fails",
	.kinds = FIELD_INT,
	.fallback = "0",
	.max = WORK_ATTEMPTS_MAX,
	.about = "Fail in so many attempts, from the first on."},
    {.name = NULL},
};

static void
work_sleep(int64_t us)
{
	struct timespec t = {.tv_sec = us / US_PER_S,
	    .tv_nsec = us % US_PER_S * NS_PER_US};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		continue;
}

/* Dies or fails, if it is to in this attempt. */
static int
work_go_wrong(struct call *call)
{
	int64_t attempt = call_attempt(call);

	if (attempt <= call_int(call->args[WORK_CRASHES], 0)) {
		signal(SIGSEGV, SIG_DFL); /* not a sanitizer's business */
		raise(SIGSEGV);
	}
	if (attempt <= call_int(call->args[WORK_FAILS], 0))
		return call_fail(call, CODE_WORKER_ERROR,
		    "debug:work fails in attempt %d", (int)attempt);
	return 0;
}

/* One step. Returns 0, or -1: it is cancelled, and has cleaned up. */
static int
work_step(struct call *call, int64_t i, int64_t steps, int64_t us)
{
	char note[32];

	work_sleep(us);
	snprintf(note, sizeof note, "step %lld", (long long)i);
	call_progress(call, (double)i, (double)steps, note);
	if (call_bool(call->args[WORK_DEAF], false) || !call_cancelled(call))
		return 0;
	work_sleep(call_int(call->args[WORK_CLEANUP], 0) * US_PER_MS);
	return call_stopped(call);
}

static int
work_run(struct call *call)
{
	int64_t steps = call_int(call->args[WORK_STEPS_FIELD], WORK_STEPS);
	int64_t us = call_int(call->args[WORK_MS], 0) * US_PER_MS / steps;

	if (work_go_wrong(call) < 0)
		return -1;
	for (int64_t i = 1; i <= steps; i++) {
		if (work_step(call, i, steps, us) < 0)
			return -1;
	}
	msgpack_pack_map(&call->pk, 2);
	call_pack_str(call, "steps");
	msgpack_pack_int64(&call->pk, steps);
	call_pack_str(call, "attempt");
	msgpack_pack_uint32(&call->pk, call_attempt(call));
	return 0;
}

const struct task_type debug_work_type = {
    .name = "debug:work",
    .about = "Works in steps, tells how far it is, stops when asked to.",
    .result = "A map: steps, attempt.",
    .example = "{\"ms\": 1000, \"steps\": 10}",
    .flags = TYPE_DEBUG | TYPE_SOFT_CANCEL | TYPE_PROGRESS,
    .fields = work_fields,
    .run = work_run,
};
