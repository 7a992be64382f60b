#include "server/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/process.h"

/*
 * How often a task is given to another worker: one that kills workers before
 * they can say that they have begun must not do so for ever.
 */
#define SLOT_RETURNS_MAX 3
#define SLOT_READY "ready" /* what a worker says when it is set up */
#define US_PER_MS 1000

static void slot_frame_cb(struct conn *c, const struct message_in *m);
static void slot_broken_cb(struct conn *c, enum scan_fault fault);
static void slot_eof_cb(struct conn *c);
static void slot_lost_cb(struct conn *c, int err);
static void slot_release_cb(struct conn *c);

static const struct conn_ops slot_ops = {
    .frame = slot_frame_cb,
    .broken = slot_broken_cb,
    .eof = slot_eof_cb,
    .lost = slot_lost_cb,
    .release = slot_release_cb,
};

void
slot_init(struct slot *s, struct pool *p, uint32_t number)
{
	memset(s, 0, sizeof *s);
	s->pool = p;
	s->number = number;
	TAILQ_INIT(&s->running);
}

/* Sets the state, and keeps the pool's list of idle ones right. */
static void
slot_change(struct slot *s, enum slot_state to)
{
	if (s->state == SLOT_IDLE)
		TAILQ_REMOVE(&s->pool->idle, s, link);
	s->state = to;
	if (s->state == SLOT_IDLE)
		TAILQ_INSERT_HEAD(&s->pool->idle, s, link);
}

static struct dispatcher *
slot_dispatcher(const struct slot *s)
{
	return s->pool->dispatcher;
}

/*
 * Limits of a worker's messages: a result may be as large as a request, and
 * has an envelope around it. How many values it has and how deep is the
 * task's business, not the caller's: a token of a few bytes may hold a lot.
 */
static struct limits
slot_limits(const struct dispatcher *d)
{
	struct limits limits = d->limits;

	limits.frame += LIMIT_ANSWER_SLACK;
	limits.depth = LIMIT_DEPTH_MAX;
	if (limits.values < LIMIT_VALUES_DEFAULT)
		limits.values = LIMIT_VALUES_DEFAULT;
	return limits;
}

/* Makes the link of a new worker; takes the descriptors. */
static struct slot_link *
slot_link_new(struct slot *s, const struct message *m,
    const int fds[SPAWNED_FDS])
{
	struct slot_link *w = calloc(1, sizeof *w);
	struct dispatcher *d = slot_dispatcher(s);
	struct limits limits = slot_limits(d);
	void *page;

	page = mmap(NULL, PAGE_SIZE_BYTES, PROT_READ, MAP_SHARED,
	    fds[SPAWNED_PAGE], 0);
	close(fds[SPAWNED_PAGE]);
	if (w == NULL || page == MAP_FAILED ||
	    conn_init(&w->conn, &d->loop, &slot_ops, fds[SPAWNED_SOCKET],
		&limits) == -1) {
		if (page != MAP_FAILED)
			munmap(page, PAGE_SIZE_BYTES);
		close(fds[SPAWNED_SOCKET]);
		close(fds[SPAWNED_PIDFD]);
		free(w);
		return NULL;
	}
	w->slot = s;
	w->generation = m->generation;
	w->pid = m->pid;
	w->pidfd = fds[SPAWNED_PIDFD];
	w->page = page;
	return w;
}

int
slot_spawned(struct slot *s, const struct message *m,
    const int fds[SPAWNED_FDS])
{
	if (s->state != SLOT_EMPTY)
		slot_clear(s);
	s->worker = slot_link_new(s, m, fds);
	if (s->worker == NULL) {
		log_error("no memory for worker %u", s->number + 1);
		return -1; /* its socket is closed: it exits, and is replaced */
	}
	s->handed = 0;
	s->restarts = m->restarts;
	s->cause[0] = '\0';
	slot_change(s, SLOT_STARTING);
	return 0;
}

void
slot_hand(struct slot *s, struct task *t)
{
	static const uint8_t no_info = ENVELOPE_NO_OPTIONS;
	uint8_t head[ENVELOPE_HEAD_MAX + LIMIT_METHOD_MAX];
	struct conn *c = &s->worker->conn;
	struct dispatcher *d = slot_dispatcher(s);
	size_t n = envelope_request(head, task_wire_number(t), t->route->name,
	    strlen(t->route->name), 2);

	slot_change(s, SLOT_BUSY);
	t->number = ++s->handed;
	s->begun_ms = loop_now(&d->loop);
	TAILQ_INSERT_TAIL(&s->running, t, link);
	s->n_running++;
	life_run(d, t, s);
	if (conn_copy(c, head, n) == -1 ||
	    conn_add(c, t->data, t->data_len, t->chunk) == -1 ||
	    conn_copy(c, &no_info, 1) == -1) {
		/* Half a message may be in the output: start afresh. */
		log_error("no memory to hand out a task");
		snprintf(s->cause, sizeof s->cause, "morod had no memory");
		slot_kill(s);
	}
}

bool
slot_has_begun(const struct slot *s, const struct task *t)
{
	return s->worker != NULL &&
	       t->number <= atomic_load(&s->worker->page->begun);
}

void
slot_release(struct slot *s, struct task *t)
{
	TAILQ_REMOVE(&s->running, t, link);
	s->n_running--;
	if (s->n_running == 0 && s->state == SLOT_BUSY)
		slot_change(s, SLOT_IDLE);
}

void
slot_kill(struct slot *s)
{
	struct slot_link *w = s->worker;

	if (w == NULL || s->state == SLOT_DYING)
		return;
	/* The master must know before it sees the death. */
	dispatcher_tell(slot_dispatcher(s), MSG_DISPATCHER_KILLED, s->number,
	    w->generation);
	slot_change(s, SLOT_DYING);
	process_kill(w->pidfd);
}

/* Its worker is no good any more; the master counts that as a death. */
static void
slot_give_up(struct slot *s, const char *cause)
{
	if (s->state == SLOT_DYING)
		return;
	if (s->cause[0] == '\0')
		snprintf(s->cause, sizeof s->cause, "%s", cause);
	slot_change(s, SLOT_DYING);
	process_kill(s->worker->pidfd);
}

/* A worker's answer. One that nobody waits for any more drops out here. */
static void
slot_answer(struct slot *s, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct dispatcher *d = slot_dispatcher(s);
	struct task *t = task_find(d->tasks, f->msgid);
	struct fault fault;

	if (t == NULL || t->state != TASK_RUNNING || t->slot != s) {
		log_debug("late answer of worker %u, ignoring", s->number + 1);
		return;
	}
	s->tasks_done++;
	pool_note_run(s->pool, (loop_now(&d->loop) - s->begun_ms) * US_PER_MS);
	if (m->bytes[f->error.at] == ENVELOPE_NIL) {
		life_result(d, t, m->bytes + f->error.at,
		    f->error.len + f->result.len, m->chunk);
		return;
	}
	fault_parse(&fault, m->bytes + f->error.at, f->error.len);
	if (!code_from_worker(fault.code))
		fault.code = CODE_WORKER_ERROR;
	life_fault(d, t, LIFE_FAILED, &fault);
}

static bool
slot_is_ready_message(const struct message_in *m)
{
	const struct frame *f = m->frame;

	return f->kind == FRAME_NOTIFY && f->method.len == strlen(SLOT_READY) &&
	       memcmp(m->bytes + f->method.at, SLOT_READY, f->method.len) == 0;
}

static void
slot_frame_cb(struct conn *c, const struct message_in *m)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	if (s == NULL)
		return;
	if (m->frame->kind == FRAME_RESPONSE)
		slot_answer(s, m);
	else if (slot_is_ready_message(m) && s->state == SLOT_STARTING)
		slot_change(s, SLOT_IDLE);
	else
		log_debug("worker %u sent what it may not, ignoring",
		    s->number + 1);
}

static void
slot_broken_cb(struct conn *c, enum scan_fault fault)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	if (s != NULL)
		slot_give_up(s, scan_fault_text(fault));
}

static void
slot_eof_cb(struct conn *c)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	if (s != NULL)
		slot_give_up(s, "");
}

/* It reads no more; what it has answered before is still read. */
static void
slot_lost_cb(struct conn *c, int err)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	conn_drop_output(c);
	if (s != NULL)
		slot_give_up(s, "");
}

static void
slot_release_cb(struct conn *c)
{
	struct slot_link *w = (struct slot_link *)c;

	close(w->pidfd);
	munmap((void *)(uintptr_t)w->page, PAGE_SIZE_BYTES);
	free(w);
}

/* What the caller of a task is told when its worker died. */
static void
slot_crash_fault(const struct slot *s, const struct task *t,
    const struct message *m, struct fault *fault)
{
	const char *sig = NULL;
	char cause[160];

	if (WIFSIGNALED(m->status))
		sig = process_signal_name(WTERMSIG(m->status));
	if (s->cause[0] != '\0')
		snprintf(cause, sizeof cause, "was stopped: %s", s->cause);
	else if (sig != NULL)
		snprintf(cause, sizeof cause, "was killed by %s", sig);
	else
		snprintf(cause, sizeof cause, "exited with status %d",
		    WEXITSTATUS(m->status));
	fault_set(fault, CODE_WORKER_ERROR, "crashed",
	    "worker %u (pid %d) %s while it ran %s", s->number + 1, (int)m->pid,
	    cause, t->route->name);
	if (sig != NULL)
		fault_add_text(fault, "signal", sig);
	else
		fault_add_number(fault, "exitCode", WEXITSTATUS(m->status));
}

/* Answers or gives back what the dead worker held, newest first. */
static void
slot_settle(struct slot *s, const struct message *m)
{
	struct dispatcher *d = slot_dispatcher(s);
	uint64_t begun = atomic_load(&s->worker->page->begun);
	struct task *t;

	while ((t = TAILQ_LAST(&s->running, task_list)) != NULL) {
		struct fault fault;

		if (t->number > begun && t->returns < SLOT_RETURNS_MAX) {
			life_return(d, t);
			continue;
		}
		slot_crash_fault(s, t, m, &fault);
		life_fault(d, t, LIFE_CRASHED, &fault);
	}
}

/* Lets go of the worker; its socket is closed and freed by the loop. */
static void
slot_forget(struct slot *s)
{
	struct slot_link *w = s->worker;

	slot_change(s, SLOT_EMPTY);
	s->worker = NULL;
	w->slot = NULL;
	conn_close(&w->conn);
}

void
slot_reaped(struct slot *s, const struct message *m)
{
	struct slot_link *w = s->worker;

	if (w == NULL || w->generation != m->generation)
		return;
	if (s->state != SLOT_DYING)
		slot_change(s, SLOT_DYING);
	conn_read_rest(&w->conn);
	slot_settle(s, m);
	slot_forget(s);
}

void
slot_clear(struct slot *s)
{
	struct message m = {.generation = 0};

	if (s->worker == NULL)
		return;
	m.generation = s->worker->generation;
	m.pid = s->worker->pid;
	slot_reaped(s, &m);
}

const char *
slot_state_name(enum slot_state state)
{
	static const char *const names[SLOT_STATES] = {
	    [SLOT_EMPTY] = "empty",
	    [SLOT_STARTING] = "starting",
	    [SLOT_IDLE] = "idle",
	    [SLOT_BUSY] = "busy",
	    [SLOT_DYING] = "dying",
	};

	return names[state];
}
