#include "server/slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "proto/reader.h"
#include "server/client.h"
#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/process.h"
#include "server/program.h"
#include "server/progress.h"
#include "server/slot-parts.h"

#define SLOT_READY "ready" /* what a worker says when it is set up */
#define SLOT_PROGRESS "progress" /* and how far a task is */
#define US_PER_MS 1000
#define SLOT_TURN_US 100000 /* longer than any turn of the loop */

static void slot_frame_cb(struct conn *c, const struct message_in *m);
static void slot_broken_cb(struct conn *c, enum scan_fault fault);
static void slot_eof_cb(struct conn *c);
static void slot_lost_cb(struct conn *c, int err);
static void slot_release_cb(struct conn *c);

const struct conn_ops slot_ops = {
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

/* Whether it may be handed one more task. */
static bool
slot_has_credit(const struct slot *s)
{
	if (s->awaits != 0 || s->leaving || !s->wanted)
		return false;
	if (s->state == SLOT_IDLE)
		return true;
	return s->state == SLOT_BUSY && slot_has_room(s, slot_prefetch_ns(s));
}

void
slot_update(struct slot *s)
{
	struct pool *p = s->pool;
	bool open = slot_has_credit(s);

	if (open == s->open)
		return;
	s->open = open;
	if (!open) {
		TAILQ_REMOVE(&p->open, s, link);
		p->n_open--;
		return;
	}
	if (s->state == SLOT_IDLE && !s->stuck)
		TAILQ_INSERT_HEAD(&p->open, s, link);
	else
		TAILQ_INSERT_TAIL(&p->open, s, link);
	p->n_open++;
}

void
slot_put_last(struct slot *s)
{
	if (!s->open)
		return;
	TAILQ_REMOVE(&s->pool->open, s, link);
	TAILQ_INSERT_TAIL(&s->pool->open, s, link);
}

void
slot_change(struct slot *s, enum slot_state to)
{
	s->state = to;
	slot_update(s);
}

struct limits
slot_limits(const struct dispatcher *d)
{
	struct limits limits = d->limits;

	limits.frame += LIMIT_ANSWER_SLACK;
	limits.depth = LIMIT_DEPTH_MAX;
	if (limits.values < LIMIT_VALUES_DEFAULT)
		limits.values = LIMIT_VALUES_DEFAULT;
	return limits;
}

/*
 * Makes the link of a new worker; takes the descriptors. One whose prints nobody
 * could read is not taken: what it prints would fail, and its tasks with it.
 */
static struct slot_link *
slot_link_new(struct slot *s, const struct message *m,
    const int fds[SPAWNED_FDS])
{
	struct slot_link *w = calloc(1, sizeof *w);
	struct dispatcher *d = slot_dispatcher(s);
	struct limits limits = slot_limits(d);
	void *page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds[SPAWNED_PAGE], 0);
	bool begun = w != NULL && page != MAP_FAILED;

	close(fds[SPAWNED_PAGE]);
	if (begun &&
	    tail_init(&w->tail, &d->loop, s->number, m->pid,
		fds[SPAWNED_OUTPUT]) == 0 &&
	    conn_init(&w->conn, &d->loop, &slot_ops, fds[SPAWNED_SOCKET],
		&limits) == 0) {
		w->slot = s;
		w->generation = m->generation;
		w->pid = m->pid;
		w->pidfd = fds[SPAWNED_PIDFD];
		w->page = page;
		return w;
	}
	if (begun)
		tail_clear(&w->tail);
	else
		close(fds[SPAWNED_OUTPUT]);
	if (page != MAP_FAILED)
		munmap(page, sizeof(struct page));
	close(fds[SPAWNED_SOCKET]);
	close(fds[SPAWNED_PIDFD]);
	free(w);
	return NULL;
}

void
slot_begin_life(struct slot *s)
{
	s->handed = s->checked = 0;
	s->unsent = 0;
	s->unsent_ms = 0;
	s->usage_ms = 0;
	s->stuck = false;
	s->awaits = 0;
	s->cause[0] = '\0';
	obituary_begin(s);
	pool_worker_born(s);
	s->pool->attention = true;
	slot_change(s, SLOT_STARTING);
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
	s->restarts = m->restarts;
	/* the master kills it, having heard too late that it is not to be */
	s->worker->killed = s->worker->executed = !s->wanted;
	slot_begin_life(s);
	if (slot_is_program(s))
		program_begin(s);
	return 0;
}

/* A task counts no longer: it is begun, answered or taken back. */
static void
slot_pass(struct slot *s, struct task *t)
{
	if (t->counts)
		s->held_ns -= t->cost_ns;
	t->counts = false;
}

void
slot_progress(struct slot *s)
{
	uint32_t begun;

	if (s->state != SLOT_BUSY || s->open || s->next == NULL)
		return;
	begun = page_begun(s->worker->page);
	while (s->next != NULL && page_after(begun, s->next->number)) {
		slot_pass(s, s->next);
		s->next = TAILQ_NEXT(s->next, link);
	}
	slot_update(s);
}

bool
slot_has_begun(const struct slot *s, const struct task *t)
{
	return s->worker != NULL &&
	       !page_after(t->number, page_begun(s->worker->page));
}

void
slot_release(struct slot *s, struct task *t)
{
	if (s->next == t)
		s->next = TAILQ_NEXT(t, link);
	TAILQ_REMOVE(&s->running, t, link);
	s->n_running--;
	t->route->n_running--;
	if (t->priority != PRIORITY_HIGH && --s->n_ordinary == 0)
		s->pool->n_ordinary--;
	slot_pass(s, t);
	s->held_bytes -= t->data_len;
	s->held_fds -= t->n_fds;
	if (s->n_running > 0) {
		if (!s->open) /* less never closes it */
			slot_update(s);
		return;
	}
	s->stuck = false;
	s->pool->n_busy--;
	if (s->state != SLOT_BUSY)
		return;
	slot_change(s, SLOT_IDLE);
	if (s->leaving)
		s->pool->attention = true;
	if (s->open) {
		TAILQ_REMOVE(&s->pool->open, s, link);
		TAILQ_INSERT_HEAD(&s->pool->open, s, link);
	}
}

void
slot_execute(struct slot *s)
{
	struct slot_link *w = s->worker;
	struct dispatcher *d = slot_dispatcher(s);

	if (w != NULL && s->state == SLOT_DYING && slot_is_served(s)) {
		slot_close(s);
		return;
	}
	if (w == NULL || !w->killed || w->executed)
		return;
	/* The master must know before it sees the death; at a stop it does. */
	if (dispatcher_tell(d, MSG_DISPATCHER_KILLED, s->number,
		w->generation) == -1 &&
	    !d->stopping) {
		pool_tend_soon(s->pool);
		return;
	}
	w->executed = true;
	process_kill(w->pidfd);
}

void
slot_kill(struct slot *s)
{
	struct slot_link *w = s->worker;

	if (w == NULL || s->state == SLOT_DYING)
		return;
	w->killed = true;
	slot_change(s, SLOT_DYING);
	slot_execute(s);
}

void
slot_leave(struct slot *s, const char *why)
{
	s->leaves_for = why;
	s->leaving = true;
	slot_update(s);
}

void
slot_ask(struct slot *s, const struct task *t)
{
	if (slot_is_program(s))
		program_cancel(s, task_wire_number(t));
	else
		page_cancel(s->worker->page, t->number);
}

void
slot_give_up(struct slot *s, const char *cause)
{
	if (s->state == SLOT_DYING)
		return;
	if (s->cause[0] == '\0')
		snprintf(s->cause, sizeof s->cause, "%s", cause);
	slot_change(s, SLOT_DYING);
	if (slot_is_served(s))
		slot_close(s);
	else
		process_kill(s->worker->pidfd);
}

/*
 * A run that takes milliseconds by its worker's word, in 1/16 us. What cannot
 * be so, or was too long to be told, is measured here; a worker's clock may be
 * read a turn later.
 */
static uint64_t
slot_took_long(const struct slot *s, const struct task *t, uint32_t took)
{
	uint64_t now = loop_now_us(&slot_dispatcher(s)->loop);
	uint64_t most = now - task_queued_us(t) + SLOT_TURN_US;

	if (took == PAGE_TOOK_MAX || took >> HISTOGRAM_US_BITS > most)
		return (now - s->begun_ms * US_PER_MS) << HISTOGRAM_US_BITS;
	return took;
}

/* What a task took, in 1/16 us: a program does not tell. */
static uint64_t
slot_took(const struct slot *s, const struct task *t)
{
	uint64_t now;
	uint32_t took;

	if (slot_is_program(s)) {
		now = loop_now_us(&slot_dispatcher(s)->loop);
		return (now - s->worker->handed_us) << HISTOGRAM_US_BITS;
	}
	took = page_took(s->worker->page, t->number);
	return took < SERIES_LONG ? took : slot_took_long(s, t, took);
}

/* Counts an answer. */
static void
slot_note_answer(struct slot *s, const struct task *t)
{
	s->tasks_done++;
	s->answering = t;
	s->took = slot_took(s, t);
	if (pool_recycles(s->pool))
		s->pool->attention = true;
	if (s->pool->breaker.state != POOL_UP)
		pool_mend(s->pool);
	pool_note_run(s->pool, s->took >> HISTOGRAM_US_BITS);
	s->begun_ms = loop_now(&slot_dispatcher(s)->loop);
}

/* What a worker says stands in memory, and goes to who waits for it. */
static void __attribute__((cold, noinline))
slot_take_secret(const struct task *t, const struct message_in *m)
{
	chunk_set_secret(m->chunk, m->bytes + m->frame->size);
	if (t != NULL && t->client != NULL)
		outbox_set_secret(&t->client->conn.out);
}

/* Passes on an error. Apart, because few answers are one. */
static void __attribute__((cold, noinline))
slot_take_fault(struct slot *s, struct task *t, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct dispatcher *d = slot_dispatcher(s);
	bool secret = t->route->secret;
	struct fault fault;

	fault_parse(&fault, m->bytes + f->error.at, f->error.len);
	if (!code_from_worker(fault.code))
		fault.code = CODE_WORKER_ERROR;
	if (!life_retry(d, t, &fault))
		life_fault(d, t, LIFE_FAILED, &fault);
	/* who mistakes a field finds what stood in it in the message */
	if (secret)
		explicit_bzero(&fault, sizeof fault);
}

/* Passes on what a worker says of a task. */
static void
slot_take_answer(struct slot *s, struct task *t, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct dispatcher *d = slot_dispatcher(s);

	if (t->extra != NULL && t->extra->secret)
		slot_take_secret(t, m);
	if (t->extra != NULL && t->extra->cancelled != CANCEL_NONE) {
		life_cancelled(d, t);
		return;
	}
	if (m->bytes[f->error.at] == ENVELOPE_NIL) {
		life_result(d, t, m->bytes + f->error.at,
		    f->error.len + f->result.len, m->chunk);
		return;
	}
	slot_take_fault(s, t, m);
}

bool
slot_answer(struct slot *s, const struct message_in *m)
{
	struct task *t = task_find(slot_dispatcher(s)->tasks, m->frame->msgid);

	if (t == NULL || t->state != TASK_RUNNING || t->slot != s) {
		log_debug("late answer of worker %u, ignoring", s->number + 1);
		/* whose it was is not known any more */
		slot_take_secret(NULL, m);
		return false;
	}
	task_prefetch(t->ahead);
	slot_note_answer(s, t);
	slot_take_answer(s, t, m);
	s->answering = NULL;
	return true;
}

/* Whether the message is a notification of that name. */
static bool
slot_is_notify(const struct message_in *m, const char *name)
{
	const struct frame *f = m->frame;

	return f->kind == FRAME_NOTIFY && f->method.len == strlen(name) &&
	       memcmp(m->bytes + f->method.at, name, f->method.len) == 0;
}

/* A worker tells how far a task is. */
static void
slot_progress_report(struct slot *s, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct dispatcher *d = slot_dispatcher(s);
	struct reader r;
	struct item number;
	struct task *t = NULL;

	reader_init(&r, m->bytes + f->data.at, f->data.len);
	number = reader_next(&r);
	if (number.type == READER_UINT)
		t = task_find(d->tasks, number.n);
	if (t != NULL && t->state == TASK_RUNNING && t->slot == s)
		progress_note(d, t, m->bytes + f->options.at, f->options.len);
}

void
slot_become_ready(struct slot *s)
{
	s->worker->was_ready = true;
	s->pool->attention = true;
	slot_change(s, SLOT_IDLE);
}

/* Whether it is a program's answer to hello. */
static bool
slot_is_hello(const struct slot *s, const struct message_in *m)
{
	return s->state == SLOT_STARTING && slot_is_program(s) &&
	       m->frame->kind == FRAME_RESPONSE &&
	       m->frame->msgid == PROGRAM_HELLO;
}

static void
slot_frame_cb(struct conn *c, const struct message_in *m)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	if (s == NULL)
		return;
	if (slot_is_hello(s, m)) {
		if (program_hello(s, m))
			slot_become_ready(s);
	} else if (m->frame->kind == FRAME_RESPONSE) {
		if (s->awaits == m->frame->msgid) {
			s->awaits = 0;
			slot_update(s);
		}
		slot_answer(s, m);
	} else if (slot_is_notify(m, SLOT_READY) && s->state == SLOT_STARTING &&
		   !slot_is_program(s))
		slot_become_ready(s);
	else if (slot_is_notify(m, SLOT_PROGRESS))
		slot_progress_report(s, m);
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

/* Nothing more comes from it, or goes to it. */
static void
slot_end(struct slot *s)
{
	if (slot_is_program(s) && !slot_is_served(s))
		slot_linger(s);
	else
		slot_give_up(s, "");
}

static void
slot_eof_cb(struct conn *c)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	if (s != NULL)
		slot_end(s);
}

/* It reads no more; what it has answered before is still read. */
static void
slot_lost_cb(struct conn *c, int err)
{
	struct slot *s = ((struct slot_link *)c)->slot;

	conn_drop_output(c);
	if (s != NULL)
		slot_end(s);
}

static void
slot_release_cb(struct conn *c)
{
	struct slot_link *w = (struct slot_link *)c;

	if (w->pidfd != -1)
		close(w->pidfd);
	tail_clear(&w->tail);
	munmap((void *)(uintptr_t)w->page, sizeof(struct page));
	free(w);
}

void
slot_forget(struct slot *s)
{
	struct slot_link *w = s->worker;

	slot_change(s, SLOT_EMPTY);
	deadline_unset(slot_dispatcher(s)->loop.deadlines, &w->ready);
	s->worker = NULL;
	w->slot = NULL;
	conn_close(&w->conn);
}

void
slot_wind_up(struct slot *s, const struct message *m)
{
	if (s->state != SLOT_DYING)
		slot_change(s, SLOT_DYING);
	conn_read_rest(&s->worker->conn);
	tail_end(&s->worker->tail);
	slot_settle(s, m);
}

void
slot_reaped(struct slot *s, const struct message *m)
{
	struct slot_link *w = s->worker;

	if (w == NULL)
		obituary_write_stranger(m);
	if (w == NULL || w->generation != m->generation)
		return;
	slot_wind_up(s, m);
	obituary_write(s, m);
	/* others would not be ready sooner: morod goes on without them */
	if (slot_is_program(s) && !w->was_ready)
		s->pool->lame = true;
	pool_worker_died(s->pool, s);
	slot_forget(s);
	s->pool->attention = true;
}

void
slot_last_words(struct slot *s, uint64_t until)
{
	if (s->worker != NULL)
		tail_wait(&s->worker->tail, s->worker->pidfd, until);
}

void
slot_clear(struct slot *s)
{
	struct message m = {.generation = 0};

	if (s->worker == NULL)
		return;
	m.generation = s->worker->generation;
	m.pid = s->worker->pid;
	slot_wind_up(s, &m);
	slot_forget(s);
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
