#include "server/log-task.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/code.h"
#include "server/log-limit.h"
#include "server/note.h"

#define LOG_TASK_MOST 20 /* lines of a kind in a second */

/* One kind of failure. */
struct log_kind {
	enum log_level level;
	const char *name; /* in the line that counts */
	struct log_limit limit;
	struct deadline summary; /* set while lines are left out */
};

#define LOG_QUEUED (LIFE_CANCELLED + 1) /* cancelled before it ran */

/* What callers cause is no matter for operators: only at level debug. */
static struct log_kind log_kinds[] = {
    [LIFE_RESULT] = {.level = LEVEL_DEBUG},
    [LIFE_FAILED] = {.level = LEVEL_DEBUG},
    [LIFE_CRASHED] = {.level = LEVEL_WARNING,
	.name = "crashed",
	.limit.most = LOG_TASK_MOST},
    [LIFE_TIMEOUT] = {.level = LEVEL_INFO,
	.name = "timed out",
	.limit.most = LOG_TASK_MOST},
    [LIFE_CANCELLED] = {.level = LEVEL_INFO,
	.name = "cancelled",
	.limit.most = LOG_TASK_MOST},
    [LOG_QUEUED] = {.level = LEVEL_INFO,
	.name = "given up in the queue",
	.limit.most = LOG_TASK_MOST},
};
#define LOG_KINDS (sizeof log_kinds / sizeof *log_kinds)

void
log_task_write(enum log_level level, const struct task *t, const char *format,
    ...)
{
	struct log_context c = {0};
	char text[LOG_MESSAGE_MAX];
	struct note note;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	note_take(&note, t);
	note_fields(&note, &c);
	log_event(level, &c, "%s", text);
}

static void
log_kind_summary(struct log_kind *k)
{
	uint64_t n = log_limit_left_out(&k->limit);

	if (n > 0)
		log_event(k->level, NULL, "tasks %s, lines left out: %" PRIu64,
		    k->name, n);
}

static void
log_kind_summary_cb(void *owner, uint64_t now)
{
	log_kind_summary(owner);
}

/* Whether one more line of the kind may be written. */
static bool
log_kind_take(struct dispatcher *d, struct log_kind *k)
{
	uint64_t now = loop_now(&d->loop);

	if (k->level == LEVEL_DEBUG || log_limit_take(&k->limit, now))
		return true;
	if (deadline_is_set(&k->summary))
		return false;
	deadline_init(&k->summary, log_kind_summary_cb, k);
	deadline_set(d->loop.deadlines, &k->summary, now,
	    log_limit_wait(&k->limit, now));
	return false;
}

/* Which kind of failure it is. */
static int
log_kind_of(enum life_end end, const struct fault *fault)
{
	if (fault->code == CODE_SHUTTING_DOWN)
		return LOG_QUEUED;
	/* who cancels its own task knows why, and who has left, too */
	if (fault->code == CODE_CANCELLED &&
	    (fault->reason[0] == '\0' || strcmp(fault->reason, "client") == 0))
		return LIFE_FAILED;
	return (int)end;
}

void
log_task_failed(struct dispatcher *d, const struct task *t, enum life_end end,
    const struct fault *fault)
{
	struct log_kind *k = &log_kinds[log_kind_of(end, fault)];

	if (!log_is_on(k->level) || !log_kind_take(d, k))
		return;
	/* a worker's own words quote what they are about */
	if (end == LIFE_FAILED && t->route->secret)
		log_task_write(k->level, t, "%s, for its caller alone",
		    code_name(fault->code));
	else
		log_task_write(k->level, t, "%s: %s", code_name(fault->code),
		    fault->message);
}

void
log_task_clear(struct dispatcher *d)
{
	for (size_t i = 0; i < LOG_KINDS; i++) {
		deadline_unset(d->loop.deadlines, &log_kinds[i].summary);
		log_kind_summary(&log_kinds[i]);
	}
}
