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
#include "proto/info.h"
#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/process.h"

/*
 * How often a task is given to another worker: one that kills workers before
 * they can say that they have begun must not do so for ever.
 */
#define SLOT_RETURNS_MAX 3
#define SLOT_HEAD 32 /* bytes that the heads of most types have at most */
#define SLOT_READY "ready" /* what a worker says when it is set up */
#define SLOT_TASKS_MAX 1024 /* tasks that it may hold */
#define SLOT_BYTES_MAX ((uint64_t)1024 << 10) /* over it: no more of them */
#define SLOT_FDS_MAX (FDPASS_AHEAD - FDPASS_MAX) /* likewise */
/* What a task counts as at least; and that while priorities mix. */
#define SLOT_TASK_MIN_NS 50
#define SLOT_TASK_MIXED_NS 2000
#define SLOT_SLACK 10 /* so many times more than it should hold: taken back */
#define SLOT_CHECK_MS 2 /* in which it must have got on */
/* Less work is not split: waking a second worker costs as much as doing it. */
#define SLOT_WORTH_NS 20000
#define US_PER_MS 1000
#define NS_PER_US 1000
#define NS_PER_MS 1000000

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

static struct dispatcher *
slot_dispatcher(const struct slot *s)
{
	return s->pool->dispatcher;
}

/* Whether what a busy one holds leaves room for one more task. */
static inline bool
slot_has_room(const struct slot *s, uint64_t prefetch_ns)
{
	return s->held_ns < prefetch_ns && s->n_running < SLOT_TASKS_MAX &&
	       s->held_bytes < SLOT_BYTES_MAX && s->held_fds < SLOT_FDS_MAX;
}

/* Whether it may be handed one more task. */
static bool
slot_has_credit(const struct slot *s)
{
	if (s->awaits != 0)
		return false;
	if (s->state == SLOT_IDLE)
		return true;
	return s->state == SLOT_BUSY && !s->stuck &&
	       slot_has_room(s, slot_dispatcher(s)->prefetch_ns);
}

/* Keeps the pool's list of open slots right; idle ones come first. */
static void
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
	if (s->state == SLOT_IDLE)
		TAILQ_INSERT_HEAD(&p->open, s, link);
	else
		TAILQ_INSERT_TAIL(&p->open, s, link);
	p->n_open++;
}

static void
slot_change(struct slot *s, enum slot_state to)
{
	s->state = to;
	slot_update(s);
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

	page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds[SPAWNED_PAGE], 0);
	close(fds[SPAWNED_PAGE]);
	if (w == NULL || page == MAP_FAILED ||
	    conn_init(&w->conn, &d->loop, &slot_ops, fds[SPAWNED_SOCKET],
		&limits) == -1) {
		if (page != MAP_FAILED)
			munmap(page, sizeof(struct page));
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
	s->handed = s->checked = 0;
	s->stuck = false;
	s->awaits = 0;
	s->restarts = m->restarts;
	s->cause[0] = '\0';
	slot_change(s, SLOT_STARTING);
	return 0;
}

/* Packs what the worker is told of a task's descriptors. Returns its bytes. */
static size_t
slot_info(const struct task *t, uint8_t out[INFO_MAX])
{
	struct info info = {
	    .fds = t->n_fds,
	    .result_fd = t->extra->result_fd,
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

/* Appends a message whose data is large, or that has descriptors. */
static int
slot_send_far(struct slot *s, const struct task *t)
{
	struct conn *c = &s->worker->conn;
	uint8_t info[INFO_MAX] = {INFO_NOTHING}, *at;
	size_t n = 1;

	if (t->n_fds > 0) {
		n = slot_info(t, info);
		conn_attach(c, t->extra->fdset);
	}
	at = conn_room(c, t->route->head_len);
	if (at == NULL)
		return -1;
	slot_write_head(t, at, t->route->head_len);
	if (conn_add(c, task_data(t), t->data_len,
		t->place == TASK_IN_CHUNK ? t->data.far.chunk : NULL) == -1)
		return -1;
	return conn_copy(c, info, n);
}

/* Appends the task's message to what goes to the worker. */
static int
slot_send(struct slot *s, const struct task *t)
{
	size_t len = t->route->head_len + t->data_len + 1;
	uint8_t *at;

	if (t->place == TASK_IN_CHUNK || t->n_fds > 0)
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
	uint64_t all = slot_dispatcher(s)->prefetch_ns;
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

/* Hands it one task. Returns 0, or -1 when it had to be killed. */
static int
slot_hand(struct slot *s, struct task *t, uint32_t cost_ns)
{
	if (s->n_running == 0) {
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
	s->state = SLOT_BUSY;
	life_run(slot_dispatcher(s), t, s);
	if (slot_send(s, t) == 0)
		return 0;
	/* Half a message may be in the output: start afresh. */
	log_error("no memory to hand out a task");
	snprintf(s->cause, sizeof s->cause, "morod had no memory");
	slot_kill(s);
	return -1;
}

uint32_t
slot_fill(struct slot *s, struct queue *q, uint32_t most)
{
	const uint64_t prefetch_ns = slot_dispatcher(s)->prefetch_ns;
	const struct route *route = NULL;
	unsigned int size = 0;
	uint32_t n = 0, cost_ns = 0;
	struct task *t;

	/* the first one it may have: it is open */
	while ((n == 0 || slot_has_room(s, prefetch_ns)) &&
	       (n < most || s->held_ns < SLOT_WORTH_NS) &&
	       (t = queue_take(q)) != NULL) {
		/* Mostly the next one is like the last. */
		if (t->route != route || t->size != size)
			cost_ns = slot_cost(s, t);
		route = t->route;
		size = t->size;
		n++;
		if (slot_hand(s, t, cost_ns) == -1)
			break;
	}
	slot_update(s);
	return n;
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
	slot_pass(s, t);
	s->held_bytes -= t->data_len;
	s->held_fds -= t->n_fds;
	if (s->n_running > 0) {
		if (!s->open) /* less never closes it */
			slot_update(s);
		return;
	}
	s->stuck = false;
	if (s->state != SLOT_BUSY)
		return;
	slot_change(s, SLOT_IDLE);
	if (s->open) {
		TAILQ_REMOVE(&s->pool->open, s, link);
		TAILQ_INSERT_HEAD(&s->pool->open, s, link);
	}
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

/* Counts an answer. */
static void
slot_note_answer(struct slot *s, const struct task *t)
{
	uint64_t now = loop_now(&slot_dispatcher(s)->loop);

	s->tasks_done++;
	pool_note_run(s->pool, s->n_running == 1
				   ? (now - s->begun_ms) * US_PER_MS
				   : t->cost_ns / NS_PER_US);
	s->begun_ms = now;
}

/*
 * A worker's answer. One that nobody waits for (any more) drops out here: then
 * it returns false.
 */
static bool
slot_answer(struct slot *s, const struct message_in *m)
{
	const struct frame *f = m->frame;
	struct dispatcher *d = slot_dispatcher(s);
	struct task *t = task_find(d->tasks, f->msgid);
	struct fault fault;

	if (t == NULL || t->state != TASK_RUNNING || t->slot != s) {
		log_debug("late answer of worker %u, ignoring", s->number + 1);
		return false;
	}
	task_prefetch(t->ahead);
	slot_note_answer(s, t);
	if (m->bytes[f->error.at] == ENVELOPE_NIL) {
		life_result(d, t, m->bytes + f->error.at,
		    f->error.len + f->result.len, m->chunk);
		return true;
	}
	fault_parse(&fault, m->bytes + f->error.at, f->error.len);
	if (!code_from_worker(fault.code))
		fault.code = CODE_WORKER_ERROR;
	life_fault(d, t, LIFE_FAILED, &fault);
	return true;
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
	if (m->frame->kind == FRAME_RESPONSE) {
		if (s->awaits == m->frame->msgid) {
			s->awaits = 0;
			slot_update(s);
		}
		slot_answer(s, m);
	} else if (slot_is_ready_message(m) && s->state == SLOT_STARTING)
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
	munmap((void *)(uintptr_t)w->page, sizeof(struct page));
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
	if (len > 0)
		slot_answers(s, chunk, len);
	chunk_unref(chunk);
}

/* Gives back the tasks after `begun`, newest first, so that order stays. */
static void
slot_return(struct slot *s, uint32_t begun)
{
	struct task *t;

	while ((t = TAILQ_LAST(&s->running, task_list)) != NULL &&
	       page_after(t->number, begun))
		life_return(slot_dispatcher(s), t);
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
	if (t == NULL || !page_after(t->number, begun) ||
	    ++t->returns <= SLOT_RETURNS_MAX)
		return;
	slot_crash_fault(s, t, m, &fault);
	life_fault(slot_dispatcher(s), t, LIFE_CRASHED, &fault);
}

/* Answers or gives back what the dead worker held. */
static void
slot_settle(struct slot *s, const struct message *m)
{
	uint32_t begun = page_begun(s->worker->page);
	struct task *t;
	struct fault fault;

	slot_salvage(s);
	slot_suspect(s, begun, m);
	slot_return(s, begun);
	while ((t = TAILQ_LAST(&s->running, task_list)) != NULL) {
		slot_crash_fault(s, t, m, &fault);
		life_fault(slot_dispatcher(s), t, LIFE_CRASHED, &fault);
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
