/*
 * What comes back from a worker that does not finish all it holds: because it
 * is slow, because a task is not wanted any more, or because it died.
 */

#include "server/slot.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "server/life.h"
#include "server/log.h"
#include "server/process.h"
#include "server/slot-parts.h"

/*
 * How often a task is given to another worker: one that kills workers before
 * they can say that they have begun must not do so for ever.
 */
#define SLOT_RETURNS_MAX 3
#define CRASHED "crashed" /* the reason of a death without one */
#define SLOT_CHECK_MS 2 /* in which it must have got on */
#define SLOT_LATE_BYTES (256 << 10) /* of data are worth a millisecond more */
#define NS_PER_MS 1000000

/* Why a worker died, for programs. */
static const char *
slot_crash_reason(const struct slot *s, const struct message *m)
{
	if (page_blames_memory(s->worker->page))
		return "memory";
	if (WIFSIGNALED(m->status) && WTERMSIG(m->status) == SIGXCPU)
		return "cpu";
	return CRASHED;
}

/*
 * Notes whether the worker's task had used up what it may have: such a death
 * says nothing of the other workers.
 */
static void
slot_note_limit(struct slot *s, const struct message *m)
{
	s->worker->limited = strcmp(slot_crash_reason(s, m), CRASHED) != 0;
}

/* Why, for people, if there is more to say than how it died. */
static const char *
slot_crash_words(const char *reason, int status)
{
	if (process_was_stopped(status))
		return ": the sandbox stopped it (it made a system call "
		       "that no task needs)";
	if (strcmp(reason, "memory") == 0)
		return ": it had no more memory";
	if (strcmp(reason, "cpu") == 0)
		return ": its processor time was over (worker-cpu)";
	return "";
}

/* What the caller of a task is told when its worker died. */
static void
slot_crash_fault(const struct slot *s, const struct task *t,
    const struct message *m, struct fault *fault)
{
	const char *reason = slot_crash_reason(s, m), *sig = NULL;
	char cause[160];

	if (WIFSIGNALED(m->status))
		sig = process_signal_name(WTERMSIG(m->status));
	if (s->cause[0] != '\0')
		snprintf(cause, sizeof cause, "was stopped: %s", s->cause);
	else if (m->status == SLOT_LEFT)
		snprintf(cause, sizeof cause, "closed its connection");
	else if (sig != NULL)
		snprintf(cause, sizeof cause, "was killed by %s", sig);
	else
		snprintf(cause, sizeof cause, "exited with status %d",
		    WEXITSTATUS(m->status));
	fault_set(fault, CODE_WORKER_ERROR, reason,
	    "worker %u (pid %d) %s while it ran %s%s", s->number + 1,
	    (int)m->pid, cause, t->route->name,
	    slot_crash_words(reason, m->status));
	if (m->status == SLOT_LEFT)
		return;
	if (sig != NULL)
		fault_add_text(fault, "signal", sig);
	else
		fault_add_number(fault, "exitCode", WEXITSTATUS(m->status));
}

/* Hands out whole answers that stand in a chunk. */
static void
slot_answers(struct slot *s, struct chunk *chunk, size_t len)
{
	struct limits limits = slot_limits(slot_dispatcher(s));
	struct frame frame;
	struct message_in m = {.frame = &frame, .chunk = chunk};
	struct scan scan;

	scan_init(&scan, &limits);
	for (size_t at = 0; at < len; at += frame.size) {
		m.bytes = chunk->bytes + at;
		if (scan_next(&scan, m.bytes, len - at, &frame) != SCAN_FRAME)
			return;
		if (frame.kind != FRAME_RESPONSE)
			continue;
		/* what it has sent already is not to be waited for */
		if (slot_answer(s, &m))
			s->awaits = (uint32_t)frame.msgid;
	}
}

/*
 * Takes the finished answers that the worker has not sent. If it lives it
 * sends them all the same, and then nobody waits for them any more: until it
 * has, it gets no other task, so they cannot be taken for answers of that.
 */
static void
slot_salvage(struct slot *s)
{
	struct chunk *chunk = chunk_new(PAGE_OUT);
	size_t len;

	if (chunk == NULL) {
		log_error("no memory to look for finished answers");
		return;
	}
	len = page_copy_ready(s->worker->page, chunk->bytes);
	/* whose they are shows later, and some are nobody's any more */
	chunk_set_secret(chunk, chunk->bytes + len);
	if (len > 0)
		slot_answers(s, chunk, len);
	chunk_unref(chunk);
}

/*
 * Gives back the tasks after `begun`, newest first, so that order stays. One
 * that was asked to stop had begun, whatever the worker's page says by now: it
 * does not wait again, with nobody to wait for it.
 */
static void
slot_return(struct slot *s, uint32_t begun)
{
	struct task *t;

	while ((t = TAILQ_LAST(&s->running, task_list)) != NULL &&
	       page_after(t->number, begun)) {
		if (t->extra != NULL && t->extra->cancelled != CANCEL_NONE)
			life_cancelled(slot_dispatcher(s), t);
		else
			life_return(slot_dispatcher(s), t);
	}
}

/*
 * Has the worker begin nothing more of what it holds, and takes that back and
 * the answers that are finished. Returns 0, or -1 when it does not play fair.
 */
static int
slot_revoke(struct slot *s, uint32_t *begun)
{
	if (page_revoke(s->worker->page, s->handed, begun) == -1) {
		slot_give_up(s, "it broke the page that it shares");
		return -1;
	}
	slot_return(s, *begun);
	/*
	 * Also when it holds nothing now: until it answers one, what it is
	 * given piles up before it, to be taken back again.
	 */
	s->stuck = true;
	if (s->n_running > 0)
		slot_salvage(s);
	slot_update(s);
	slot_put_last(s);
	return 0;
}

/*
 * What the tasks that it has not begun will take, in ns, if it gets on as it
 * did since the last look.
 */
static uint64_t
slot_remains(const struct slot *s, uint32_t begun, uint64_t elapsed_ms)
{
	uint64_t done = begun - s->checked, left = s->handed - begun;

	return left * elapsed_ms * NS_PER_MS / (done > 0 ? done : 1);
}

void
slot_check(struct slot *s)
{
	uint64_t now = loop_now(&slot_dispatcher(s)->loop);
	uint64_t most = SLOT_SLACK * slot_dispatcher(s)->prefetch_ns;
	uint64_t elapsed = now - s->checked_ms;
	uint32_t begun;

	if (s->state != SLOT_BUSY || s->n_running < 2 || s->stuck ||
	    elapsed < SLOT_CHECK_MS)
		return;
	begun = page_begun(s->worker->page);
	if (slot_remains(s, begun, elapsed) > most)
		slot_revoke(s, &begun);
	s->checked = begun;
	s->checked_ms = now;
}

/*
 * How long it may then do nothing: what it must look at before it begins takes
 * its time, too. To send all of it to another takes longer.
 */
static uint64_t
slot_patience(const struct task *t)
{
	return SLOT_LATE_MS + t->data_len / SLOT_LATE_BYTES;
}

/*
 * Since when a worker that has not begun its task has done nothing at all: while
 * it takes in a large message it is at work.
 */
static uint64_t
slot_quiet_since(struct slot *s, uint64_t now)
{
	size_t unsent = s->worker->conn.out.bytes;

	if (unsent != s->unsent)
		s->unsent_ms = now;
	s->unsent = unsent;
	return s->unsent_ms > s->begun_ms ? s->unsent_ms : s->begun_ms;
}

bool
slot_check_late(struct slot *s)
{
	uint64_t now = loop_now(&slot_dispatcher(s)->loop);
	const struct task *t = TAILQ_FIRST(&s->running);
	uint32_t others = s->pool->n_open - s->open, begun;

	if (s->state != SLOT_BUSY || t == NULL || slot_has_begun(s, t))
		return false;
	if (now - slot_quiet_since(s, now) >= slot_patience(t) && others > 0)
		slot_revoke(s, &begun);
	return true;
}

void
slot_halt(struct slot *s)
{
	uint32_t begun;

	if (s->state == SLOT_BUSY)
		slot_revoke(s, &begun);
}

bool
slot_stop(struct slot *s, const struct task *t)
{
	uint32_t number = task_wire_number(t), begun;
	const struct task *running;

	if (s->state != SLOT_BUSY || slot_revoke(s, &begun) == -1)
		return false;
	running = task_find(slot_dispatcher(s)->tasks, number);
	return running == t && t->state == TASK_RUNNING && t->slot == s &&
	       t->number == begun;
}

/*
 * The first task that a dead worker had not begun is the one that may have
 * killed it, by being read: it is not given to others for ever.
 */
static void
slot_suspect(struct slot *s, uint32_t begun, const struct message *m)
{
	struct task *t = TAILQ_FIRST(&s->running);
	struct fault fault;

	/* if one was begun and not answered, it is that one */
	if (t == NULL || !page_after(t->number, begun))
		return;
	s->worker->blamed =
	    t->returns > 0 || page_blames_memory(s->worker->page);
	/* for want of memory the next worker would die, too */
	if (++t->returns <= SLOT_RETURNS_MAX &&
	    !page_blames_memory(s->worker->page))
		return;
	slot_note_limit(s, m);
	obituary_note(s, NULL, t);
	slot_crash_fault(s, t, m, &fault);
	poison_keep(slot_dispatcher(s), t, &fault);
	life_fault(slot_dispatcher(s), t, LIFE_CRASHED, &fault);
}

/* A task that the dead worker had begun. */
static void
slot_bury(struct slot *s, struct task *t, const struct message *m)
{
	struct fault fault;

	obituary_note(s, NULL, t);
	if (t->extra != NULL && t->extra->cancelled != CANCEL_NONE) {
		life_cancelled(slot_dispatcher(s), t);
		return;
	}
	s->worker->blamed = t->attempt > 1;
	slot_note_limit(s, m);
	slot_crash_fault(s, t, m, &fault);
	life_crash(slot_dispatcher(s), t, &fault);
}

void
slot_settle(struct slot *s, const struct message *m)
{
	uint32_t begun = page_begun(s->worker->page);
	struct task *t;

	slot_salvage(s);
	slot_suspect(s, begun, m);
	slot_return(s, begun);
	while ((t = TAILQ_LAST(&s->running, task_list)) != NULL)
		slot_bury(s, t, m);
}
