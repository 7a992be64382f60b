/* What is handed to a worker: how much, and in which words. */

#include "server/slot.h"

#include <stdio.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/info.h"
#include "server/life.h"
#include "server/log.h"
#include "server/slot-parts.h"

#define SLOT_HEAD 32 /* bytes that the heads of most types have at most */
/* What a task counts as at least; and that while priorities mix. */
#define SLOT_TASK_MIN_NS 50
#define SLOT_TASK_MIXED_NS 2000
/* Less work is not split: waking a second worker costs as much as doing it. */
#define SLOT_WORTH_NS 20000

/* Packs what the worker is told of a task. Returns its bytes. */
static size_t
slot_info(const struct task *t, uint8_t out[INFO_MAX])
{
	const struct task_extra *e = t->extra;
	struct info info = {
	    .fds = t->n_fds,
	    .result_fd = e != NULL ? e->result_fd : INFO_NO_FD,
	    .attempt = t->attempt,
	    .progress = e != NULL && e->progress != NULL,
	};

	return info_pack(out, &info);
}

/* Writes a message's beginning, up to its data. Returns where it ends. */
static inline uint8_t *
slot_write_head(const struct task *t, uint8_t *at, size_t room)
{
	const struct route *r = t->route;

	/* of a constant length a copy is one instruction; the rest follows */
	if (r->head_len <= SLOT_HEAD && room >= SLOT_HEAD)
		memcpy(at, r->head, SLOT_HEAD);
	else
		memcpy(at, r->head, r->head_len);
	envelope_set_msgid(at, task_wire_number(t));
	return at + r->head_len;
}

/* Appends a message that is not as most are. */
static int
slot_send_far(struct slot *s, const struct task *t)
{
	struct conn *c = &s->worker->conn;
	uint8_t info[INFO_MAX], *at;
	size_t n = slot_info(t, info);

	if (t->n_fds > 0)
		conn_attach(c, t->extra->fdset);
	if (t->extra != NULL && t->extra->secret)
		outbox_set_secret(&c->out);
	at = conn_room(c, t->route->head_len);
	if (at == NULL)
		return -1;
	slot_write_head(t, at, t->route->head_len);
	if (conn_add(c, task_data(t), t->data_len,
		t->place == TASK_IN_CHUNK ? t->data.far.chunk : NULL) == -1)
		return -1;
	return conn_copy(c, info, n);
}

/*
 * Whether the worker must be told more of the task than its data, or there is
 * more to do about it.
 */
static inline bool
slot_has_more(const struct task *t)
{
	return t->attempt > 1 ||
	       (t->extra != NULL && (t->n_fds > 0 || t->extra->secret ||
					t->extra->progress != NULL));
}

/* Appends the task's message to what goes to the worker. */
static int
slot_send(struct slot *s, const struct task *t)
{
	size_t len = t->route->head_len + t->data_len + 1;
	uint8_t *at;

	if (t->place == TASK_IN_CHUNK || slot_has_more(t))
		return slot_send_far(s, t);
	at = conn_room(&s->worker->conn, len);
	if (at == NULL)
		return -1;
	at = slot_write_head(t, at, len);
	memcpy(at, task_data(t), t->data_len);
	at[t->data_len] = INFO_NOTHING;
	return 0;
}

/*
 * What a task is expected to cost its worker. A worker that does not know yet
 * may be new: then what others took counts. If nobody knows, it gets the task
 * alone.
 */
static uint32_t
slot_cost(struct slot *s, const struct task *t)
{
	unsigned int size = t->size;
	uint32_t ns = page_expect(s->worker->page, t->route->index, size);
	uint64_t all = SLOT_DEEPER * slot_dispatcher(s)->prefetch_ns;
	uint32_t least =
	    pool_is_mixed(s->pool) ? SLOT_TASK_MIXED_NS : SLOT_TASK_MIN_NS;

	if (ns != 0)
		t->route->run_ns[size] = ns;
	else
		ns = t->route->run_ns[size];
	/* files are of all sizes: what one took says nothing of the next */
	if (ns == 0 || size == PAGE_SIZE_FILE)
		ns = all < UINT32_MAX ? (uint32_t)all : UINT32_MAX;
	return ns > least ? ns : least;
}

/* It was idle, and is no more. */
static inline void
slot_count_busy(const struct slot *s)
{
	struct pool *p = s->pool;

	if (++p->n_busy > p->scale.busy_peak)
		p->scale.busy_peak = p->n_busy;
}

/* A program begins what it gets. */
static void
slot_begin(struct slot *s, const struct task *t)
{
	page_begin(s->worker->page, t->number);
	s->worker->handed_us = loop_now_us(&slot_dispatcher(s)->loop);
}

/* Hands it one task. Returns 0, or -1 when it had to be killed. */
static int
slot_hand(struct slot *s, struct task *t, uint32_t cost_ns)
{
	if (s->n_running == 0) {
		slot_count_busy(s);
		s->begun_ms = loop_now(&slot_dispatcher(s)->loop);
		s->checked_ms = s->begun_ms;
		s->checked = s->handed;
	}
	t->number = ++s->handed;
	t->cost_ns = cost_ns;
	t->counts = true;
	s->held_ns += cost_ns;
	if (s->next == NULL)
		s->next = t;
	s->held_bytes += t->data_len;
	s->held_fds += t->n_fds;
	TAILQ_INSERT_TAIL(&s->running, t, link);
	s->n_running++;
	t->route->n_running++;
	if (t->priority != PRIORITY_HIGH && s->n_ordinary++ == 0)
		s->pool->n_ordinary++;
	s->state = SLOT_BUSY;
	life_run(slot_dispatcher(s), t, s);
	if (slot_send(s, t) == 0) {
		if (slot_is_program(s))
			slot_begin(s, t);
		return 0;
	}
	/* Half a message may be in the output: start afresh. */
	log_error("no memory to hand out a task");
	snprintf(s->cause, sizeof s->cause, "morod had no memory");
	slot_kill(s);
	return -1;
}

uint32_t
slot_fill(struct slot *s, enum priority lowest, uint32_t most)
{
	const uint64_t prefetch_ns = slot_prefetch_ns(s);
	const uint64_t ahead_ns = SLOT_AHEAD * slot_dispatcher(s)->prefetch_ns;
	static const struct route none;
	const struct route *route = &none;
	unsigned int size = 0;
	uint32_t n = 0, cost_ns = 0;
	struct task *t;

	/* the first one it may have: it is open */
	while ((n == 0 || slot_has_room(s, prefetch_ns)) &&
	       (n < most || s->held_ns < SLOT_WORTH_NS) &&
	       (t = pool_take(s->pool, lowest)) != NULL) {
		/* Mostly the next one is like the last. */
		if (t->route != route || t->size != size)
			cost_ns = slot_cost(s, t);
		route = t->route;
		size = t->size;
		if (s->n_running > 0 && cost_ns > ahead_ns) {
			pool_add_first(s->pool, t); /* whoever is free first */
			break;
		}
		n++;
		if (slot_hand(s, t, cost_ns) == -1 ||
		    s->pool->breaker.state == POOL_HALF_OPEN)
			break;
	}
	slot_update(s);
	return n;
}
