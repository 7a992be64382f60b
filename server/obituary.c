#include "server/obituary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "server/process.h"
#include "server/slot-parts.h"

#define OBITUARY_CAUSE 160

void
obituary_begin(struct slot *s)
{
	struct obituary *o = &s->worker->obituary;

	o->born_ms = loop_now(&slot_dispatcher(s)->loop);
	o->tasks_before = s->tasks_done;
}

void
obituary_note(struct slot *s, const char *reason, const struct task *t)
{
	struct obituary *o;

	if (s->worker == NULL)
		return;
	o = &s->worker->obituary;
	if (reason != NULL && o->reason[0] == '\0')
		snprintf(o->reason, sizeof o->reason, "%s", reason);
	if (t != NULL && o->task.type[0] == '\0')
		note_take(&o->task, t);
}

void
obituary_complete(struct slot *s, const struct note *n)
{
	struct obituary *o;

	if (s->worker == NULL || !s->worker->killed)
		return;
	o = &s->worker->obituary;
	if (o->task.client == 0 && strcmp(o->task.type, n->type) == 0)
		o->task = *n;
}

/* Says how the process ended, and as a field. */
static void
obituary_status(int status, struct log_context *c, char *out, size_t size)
{
	const char *sig;

	if (status == SLOT_LEFT) {
		snprintf(out, size, "closed its connection");
		return;
	}
	if (WIFSIGNALED(status)) {
		sig = process_signal_name(WTERMSIG(status));
		snprintf(out, size, "killed by %s%s", sig,
		    process_was_stopped(status) ? " (stopped by the sandbox)"
						: "");
		log_line_text(c, "signal", sig, strlen(sig));
	} else {
		snprintf(out, size, "exited with status %d",
		    WEXITSTATUS(status));
		log_line_number(c, "exitCode", (uint64_t)WEXITSTATUS(status));
	}
	log_line_implied(c);
}

/* Begins the fields with what the message says as well, and says the cause. */
static void
obituary_cause(const struct message *m, const char *reason,
    struct log_context *c, char *out, size_t size)
{
	log_line_number(c, "slot", m->slot + 1);
	log_line_implied(c);
	log_line_number(c, "workerPid", (uint64_t)m->pid);
	log_line_implied(c);
	obituary_status(m->status, c, out, size);
	if (reason[0] == '\0')
		return;
	/* in the words of who wanted it */
	snprintf(out, size, "stopped: %s", reason);
	log_line_text(c, "reason", reason, strlen(reason));
	log_line_implied(c);
}

/* Writes the line: what the cause is, and when the next worker comes. */
static void
obituary_line(enum log_level level, const struct message *m, const char *cause,
    const struct log_context *c)
{
	char next[64] = "";

	if (level == LEVEL_WARNING && m->n != CHANNEL_NO_NEXT)
		snprintf(next, sizeof next, "; next one in %" PRIu64 " ms",
		    m->n);
	log_event(level, c, "worker %u (pid %d): %s%s", m->slot + 1,
	    (int)m->pid, cause, next);
}

void
obituary_write(const struct slot *s, const struct message *m)
{
	const struct slot_link *w = s->worker;
	const struct obituary *o = &w->obituary;
	uint64_t now = loop_now(&slot_dispatcher(s)->loop);
	const char *last = tail_last(&w->tail, 0);
	struct log_context c = {0};
	char cause[OBITUARY_CAUSE];

	obituary_cause(m, s->cause[0] != '\0' ? s->cause : o->reason, &c, cause,
	    sizeof cause);
	log_line_number(&c, "ageMs", now - o->born_ms);
	log_line_number(&c, "tasksDone", s->tasks_done - o->tasks_before);
	note_fields(&o->task, &c);
	if (last != NULL)
		log_line_text(&c, "stderr", last, strlen(last));
	obituary_line(w->killed ? LEVEL_INFO : LEVEL_WARNING, m, cause, &c);
}

void
obituary_write_stranger(const struct message *m)
{
	struct log_context c = {0};
	char cause[OBITUARY_CAUSE];

	obituary_cause(m, "", &c, cause, sizeof cause);
	obituary_line(LEVEL_WARNING, m, cause, &c);
}
