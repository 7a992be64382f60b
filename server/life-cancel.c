/* Tasks that are not wanted any more: found in any state, and stopped. */

#include "server/life.h"

#include "server/batch.h"
#include "server/client.h"
#include "server/life-parts.h"
#include "server/log-task.h"
#include "server/log.h"
#include "server/pool.h"

static const struct {
	const char *reason;
	const char *by;
	const char *obituary; /* why its worker was stopped */
} life_causes[CANCEL_N] = {
    [CANCEL_NONE] = {NULL, "nobody", NULL},
    [CANCEL_CLIENT] = {"client", "its client", "cancelled by its client"},
    [CANCEL_ADMIN] = {"admin", "an administrator",
	"cancelled by an administrator"},
    [CANCEL_SHUTDOWN] = {"shutdown", "morod, which stops", "morod stops"},
    [CANCEL_GONE] = {NULL, "its client, which left", "nobody waits for it"},
    [CANCEL_TIMEOUT] = {NULL, "a limit", "timeout"},
};

/* What the caller is told. */
static void
life_cancel_fault(const struct task *t, enum life_cancel cause, bool ran,
    struct fault *fault)
{
	fault_set(fault, CODE_CANCELLED, life_causes[cause].reason,
	    "%s was cancelled by %s; %s", t->route->name, life_causes[cause].by,
	    ran ? "it ran, and was stopped" : "it was still queued");
}

/* It was stopped because of a limit; its client has its answer, the log too. */
static void
life_timed_out(struct dispatcher *d, struct task *t)
{
	struct fault fault;

	fault_set(&fault, CODE_TIMEOUT, "run",
	    "timeout of %s: it ran, and had time to clean up", t->route->name);
	life_told(d, t, LIFE_TIMEOUT, &fault);
}

void
life_cancelled(struct dispatcher *d, struct task *t)
{
	struct fault fault;

	if (t->extra->cancelled == CANCEL_TIMEOUT) {
		life_timed_out(d, t);
		return;
	}
	life_cancel_fault(t, (enum life_cancel)t->extra->cancelled, true,
	    &fault);
	life_fault(d, t, LIFE_CANCELLED, &fault);
}

/* How long a task may clean up; 0: it is not asked. */
static uint32_t
life_grace(const struct dispatcher *d, const struct task *t)
{
	if ((t->route->type->flags & TYPE_SOFT_CANCEL) == 0)
		return 0;
	if (t->extra != NULL && t->extra->has_grace)
		return t->extra->cancel_grace_ms;
	return (uint32_t)d->config->cancel_grace_ms;
}

/* Asks a running task to stop. False: it cannot be asked. */
static bool
life_ask(struct dispatcher *d, struct task *t, enum life_cancel cause)
{
	uint32_t grace = life_grace(d, t);

	if (grace == 0)
		return false;
	if (t->extra == NULL) {
		if (task_add_extra(d->tasks, t) == -1)
			return false;
		life_arm_first(d, t);
	}
	t->extra->cancelled = (uint8_t)cause;
	t->extra->run_due = loop_now(&d->loop) + grace + 1;
	life_arm(d, t);
	slot_ask(t->slot, t);
	return true;
}

bool
life_part(struct dispatcher *d, struct task *t, const struct fault *fault)
{
	struct client *c = t->client;
	struct task *head;

	if (life_grace(d, t) == 0)
		return false;
	head = life_tell(d, t, fault);
	/* later nobody knows which limit it was, and whose task */
	log_task_failed(d, t, LIFE_TIMEOUT, fault);
	if (c != NULL)
		life_disown(d, t);
	if (t->extra != NULL)
		t->extra->due = UINT64_MAX; /* from now on the grace counts */
	if (!life_ask(d, t, CANCEL_TIMEOUT)) {
		struct slot *s = t->slot;

		life_timed_out(d, t); /* no memory: it is not asked */
		slot_kill(s);
	}
	if (head != NULL)
		batch_go_on(d, head);
	else if (c != NULL)
		client_check_done(c);
	return true;
}

void
life_grace_over(struct dispatcher *d, struct task *t)
{
	struct slot *s = t->slot;

	obituary_note(s, life_causes[t->extra->cancelled].obituary, t);
	life_cancelled(d, t);
	slot_kill(s);
}

enum life_found
life_cancel(struct dispatcher *d, struct task *t, enum life_cancel cause)
{
	uint32_t number = task_wire_number(t);
	struct slot *s = t->slot;
	struct fault fault;
	bool kill, begun;

	if (t->extra != NULL && t->extra->cancelled != CANCEL_NONE)
		return LIFE_FOUND_RUNNING; /* it is asked already */
	kill = s != NULL && slot_stop(s, t);
	if (task_find(d->tasks, number) != t)
		return LIFE_FOUND_DONE; /* its answer was found on the way */
	if (kill && life_ask(d, t, cause))
		return LIFE_FOUND_RUNNING;
	s = t->slot; /* it may be back in the queue */
	begun = s != NULL || t->state == TASK_GATHERING;
	life_cancel_fault(t, cause, begun, &fault);
	if (s != NULL && kill)
		obituary_note(s, life_causes[cause].obituary, t);
	life_fault(d, t, LIFE_CANCELLED, &fault);
	if (s != NULL && kill)
		slot_kill(s);
	return begun ? LIFE_FOUND_RUNNING : LIFE_FOUND_QUEUED;
}

void
life_drop(struct dispatcher *d, struct task *t)
{
	struct slot *s = t->slot;
	struct note note;

	/* a worker's obituary names the client also when that has left */
	if (s != NULL)
		note_take(&note, t);
	life_disown(d, t);
	life_cancel(d, t, CANCEL_GONE);
	if (s != NULL)
		obituary_complete(s, &note);
}

const char *
life_found_name(enum life_found found)
{
	static const char *const names[] = {
	    [LIFE_FOUND_QUEUED] = "queued",
	    [LIFE_FOUND_RUNNING] = "running",
	    [LIFE_FOUND_DONE] = "done",
	    [LIFE_FOUND_UNKNOWN] = "unknown",
	};

	return names[found];
}
