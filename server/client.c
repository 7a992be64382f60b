#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(el) ((el)->len = UINT32_MAX)
#include "server/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/answer.h"
#include "server/control.h"
#include "server/dispatcher.h"
#include "server/life.h"
#include "server/log.h"
#include "server/reload.h"
#include "server/role.h"
#include "server/room.h"
#include "server/submit.h"
#include "server/users.h"

_Static_assert(sizeof(struct client) <= 800,
    "with the rest an idle client would cost more than 1 KiB");

/*
 * Output that a client has not taken, in messages of the largest size: over
 * the first it is not read from, over the second it is dropped. The first is
 * no smaller, so that a simple client may send a few large requests before it
 * begins to read.
 */
#define CLIENT_OUTPUT_SOFT_FRAMES 1
#define CLIENT_OUTPUT_HARD_FRAMES 8
/*
 * The first is the share where all output leaves no more than such a part of
 * max-queued-bytes to tasks.
 */
#define CLIENT_OUTPUT_SHARE ((size_t)256 << 10)
#define CLIENT_OUTPUT_LEAVES 4
/*
 * Those without a role, who may say hello: so many of them, with messages that
 * are never large ones, and output that they take at once.
 */
#define CLIENT_STRANGERS 32
#define CLIENT_STRANGER_FRAME CHUNK_READ
/* How long it may take nothing while over the soft limit. */
#define CLIENT_SLOW_MS 60000
/* How long it may wait for memory, with a part of a large message there. */
#define CLIENT_MEMORY_MS 60000
/* How long a last answer may take to be read. */
#define CLIENT_CLOSE_MS 1000

static void client_frame_cb(struct conn *conn, const struct message_in *m);
static void client_broken_cb(struct conn *conn, enum scan_fault what);
static void client_eof_cb(struct conn *conn);
static void client_lost_cb(struct conn *conn, int err);
static void client_sent_cb(struct conn *conn);
static void client_stuck_cb(struct conn *conn);
static void client_partial_cb(struct conn *conn);
static void client_fds_cb(struct conn *conn, const int *fds, size_t n);
static void client_fds_left_cb(struct conn *conn);
static void client_release_cb(struct conn *conn);

static const struct conn_ops client_ops = {
    .frame = client_frame_cb,
    .broken = client_broken_cb,
    .eof = client_eof_cb,
    .lost = client_lost_cb,
    .sent = client_sent_cb,
    .stuck = client_stuck_cb,
    .partial = client_partial_cb,
    .fds = client_fds_cb,
    .fds_left = client_fds_left_cb,
    .release = client_release_cb,
};

/* Says why a client is dropped. */
static void
client_note_dropped(struct client *c, const char *why)
{
	struct log_context context = {0};

	log_line_number(&context, "client", c->number);
	log_event(LEVEL_WARNING, &context,
	    "client (pid %d, uid %u) dropped: %s", (int)c->pid,
	    (unsigned int)c->uid, why);
	c->dispatcher->counters.clients_dropped++;
}

static void
client_drop(struct client *c, const char *why)
{
	client_note_dropped(c, why);
	client_close(c);
}

/* Says who sent what is no message; not each time, if it is done on purpose. */
static void
client_note_broken(const struct client *c, const char *why)
{
	struct dispatcher *d = c->dispatcher;
	char more[LOG_LIMIT_MORE];

	d->counters.clients_broken++;
	if (!log_limit_take(&d->broken, loop_now(&d->loop)))
		return;
	log_limit_more(&d->broken, more);
	log_warning("client %" PRIu64 " (pid %d, uid %u) is cut off: %s%s",
	    c->number, (int)c->pid, (unsigned int)c->uid, why, more);
}

/* It was not read from for want of memory. */
static void
client_deny_memory(struct client *c)
{
	struct fault fault;

	fault_set(&fault, CODE_QUEUE_FULL, "bytes",
	    "for %d ms large messages of others have left no memory for one "
	    "more",
	    CLIENT_MEMORY_MS);
	client_note_dropped(c, fault.message);
	answer_fault(c, 0, &fault);
	client_close_soon(c);
}

/* Its message did not come to an end. */
static void
client_deny_time(struct client *c)
{
	struct fault fault;

	fault_set(&fault, CODE_PROTOCOL_ERROR, NULL,
	    "a message must be complete within %" PRIu64
	    " ms of its first byte",
	    c->dispatcher->config->frame_timeout_ms);
	client_note_broken(c, fault.message);
	answer_fault(c, 0, &fault);
	client_close_soon(c);
}

/*
 * It takes no answers, as far as is known: the kernel tells only when most of
 * its buffer is empty.
 */
static void
client_deny_patience(struct client *c)
{
	uint64_t taken = c->conn.out.taken;

	conn_flush(&c->conn);
	if (c->conn.fd != -1 && c->conn.out.taken == taken)
		client_drop(c, "it takes no answers");
}

/* Strikes when a client takes too long; for what depends on its state. */
static void
client_deadline_cb(void *owner, uint64_t now)
{
	struct client *c = owner;

	if (c->closing)
		client_close(c);
	else if (c->slow)
		client_deny_patience(c);
	else if (c->conn.part == CONN_PART_WAITS)
		client_deny_memory(c);
	else
		client_deny_time(c);
}

bool
client_may_pass(const struct client *c)
{
	return c->dispatcher->config->files_for_all || users_is_own(c->uid);
}

void
client_take_roles(struct client *c)
{
	struct dispatcher *d = c->dispatcher;
	size_t frame = d->limits.frame;

	if (client_is_stranger(c)) {
		d->n_strangers++;
		if (frame > CLIENT_STRANGER_FRAME)
			frame = CLIENT_STRANGER_FRAME;
	}
	scan_limit_frame(&c->conn.scan, frame);
	c->conn.takes_fds = client_may_pass(c);
}

/* There are too many without a role: those with one are not to feel it. */
static void
client_deny_place(struct client *c)
{
	struct fault fault;

	fault_set(&fault, CODE_QUEUE_FULL, "clients",
	    "there are %d connections of users that are in no list, as many as "
	    "allowed",
	    CLIENT_STRANGERS);
	c->dispatcher->counters.clients_refused++;
	role_log(c, &fault);
	answer_fault(c, 0, &fault);
	client_close_soon(c);
}

int
client_new(struct dispatcher *d, int fd)
{
	struct client *c = calloc(1, sizeof *c);

	if (c == NULL)
		return -1;
	c->dispatcher = d;
	if (role_give(c, fd) == -1 ||
	    conn_init(&c->conn, &d->loop, &client_ops, fd, &d->limits) == -1) {
		free(c);
		return -1;
	}
	c->conn.metered = true;
	c->shape = FAULT_STRING;
	TAILQ_INIT(&c->tasks);
	LIST_INIT(&c->parkings);
	deadline_init(&c->deadline, client_deadline_cb, c);
	TAILQ_INSERT_TAIL(&d->clients, c, link);
	d->n_clients++;
	c->number = ++d->counters.clients;
	c->accepted_ms = loop_now(&d->loop);
	client_take_roles(c);
	if (client_is_stranger(c) && d->n_strangers > CLIENT_STRANGERS)
		client_deny_place(c);
	return 0;
}

/* How long a client may stay as it is, in ms; 0: for ever. */
static uint64_t
client_patience(const struct client *c)
{
	if (c->closing)
		return CLIENT_CLOSE_MS;
	if (c->slow)
		return CLIENT_SLOW_MS;
	if (c->half_closed || c->waits_for != NULL)
		return 0;
	if (c->conn.part == CONN_PART_COMES)
		return c->dispatcher->config->frame_timeout_ms;
	return c->conn.part == CONN_PART_WAITS ? CLIENT_MEMORY_MS : 0;
}

void
client_arm(struct client *c)
{
	struct loop *l = &c->dispatcher->loop;
	uint64_t after = client_patience(c);

	if (after == 0)
		deadline_unset(l->deadlines, &c->deadline);
	else
		deadline_set(l->deadlines, &c->deadline, loop_now(l), after);
}

void
client_close(struct client *c)
{
	struct dispatcher *d = c->dispatcher;
	struct task *t;

	if (c->conn.fd == -1)
		return;
	deadline_unset(d->loop.deadlines, &c->deadline);
	room_forget(c);
	conn_close(&c->conn);
	TAILQ_REMOVE(&d->clients, c, link);
	d->n_clients--;
	d->n_strangers -= client_is_stranger(c);
	/* the turn may be at its end, and what they held is free for others */
	d->loop.again = d->loop.again || c->n_tasks > 0;
	while ((t = TAILQ_FIRST(&c->tasks)) != NULL) {
		if (t->notify)
			life_orphan(t); /* goes on without it */
		else
			life_drop(d, t);
	}
}

/* Closes the descriptors that no request owns yet. */
static void
client_close_fds(struct client *c)
{
	if (c->fds != NULL)
		fdset_close(c->fds->fds, c->fds->n);
	free(c->fds);
	c->fds = NULL;
	c->conn.holds_fds = false;
}

static void
client_release_cb(struct conn *conn)
{
	struct client *c = (struct client *)conn;

	client_close_fds(c);
	free(c->done);
	pool_leave(c);
	free(c);
}

void
client_close_soon(struct client *c)
{
	if (c->closing || c->conn.fd == -1)
		return;
	conn_end(&c->conn);
	c->closing = true;
	client_arm(c);
}

void
client_hear_out(struct client *c)
{
	if (c->conn.fd == -1 || c->half_closed || c->closing)
		return;
	shutdown(c->conn.fd, SHUT_RD);
	conn_read_rest(&c->conn);
}

void
client_check_done(struct client *c)
{
	if (c->conn.fd == -1 || !c->half_closed || c->n_tasks > 0 ||
	    c->conn.out.bytes > 0 ||
	    reload_is_awaited(c->dispatcher, c->number))
		return;
	client_close(c);
}

void
client_add_task(struct client *c, struct task *t)
{
	TAILQ_INSERT_TAIL(&c->tasks, t, client_link);
	c->n_tasks++;
	c->task_bytes += task_own_bytes(t);
	c->n_task_fds += t->n_fds;
	c->accepted++;
}

/* Notes that a request has its answer. */
static void
client_note_done(struct client *c, const struct task *t)
{
	struct client_done *done = c->done;

	if (done == NULL)
		done = c->done = calloc(1, sizeof *done);
	if (done == NULL)
		return; /* a late cancel will find nothing */
	done->msgids[done->n_msgids++ % CLIENT_DONE] = t->msgid;
	if (t->extra != NULL && t->extra->id != NULL)
		done->ids[done->n_ids++ % CLIENT_DONE] = t->extra->id->hh.hashv;
}

bool
client_remembers(const struct client *c, const char *id, size_t len,
    uint64_t msgid)
{
	const struct client_done *done = c->done;
	unsigned int hash = 0;

	if (done == NULL)
		return false;
	if (id != NULL)
		HASH_VALUE(id, len, hash);
	for (uint32_t i = 0; i < CLIENT_DONE; i++) {
		if (id != NULL ? i < done->n_ids && done->ids[i] == hash
			       : i < done->n_msgids && done->msgids[i] == msgid)
			return true;
	}
	return false;
}

struct task *
client_find_id(const struct client *c, const char *id, size_t len)
{
	struct task_id *name;

	HASH_FIND(hh, c->ids, id, len, name);
	return name != NULL ? name->task : NULL;
}

void
client_remove_task(struct client *c, struct task *t)
{
	if (task_is_request(t))
		client_note_done(c, t);
	if (t->extra != NULL && t->extra->id != NULL) {
		HASH_DEL(c->ids, t->extra->id);
		free(t->extra->id);
		t->extra->id = NULL;
	}
	TAILQ_REMOVE(&c->tasks, t, client_link);
	c->n_tasks--;
	c->task_bytes -= task_own_bytes(t);
	c->n_task_fds -= t->n_fds;
	t->client = NULL;
}

int
client_name_task(struct client *c, struct task *t, const char *id, size_t len,
    bool *duplicate)
{
	struct task_id *name;

	HASH_FIND(hh, c->ids, id, len, name);
	*duplicate = name != NULL;
	if (name != NULL)
		return -1;
	name = malloc(sizeof *name + len);
	if (name == NULL)
		return -1;
	name->task = t;
	name->len = (uint32_t)len;
	memcpy(name->text, id, len);
	HASH_ADD_KEYPTR(hh, c->ids, name->text, len, name);
	if (name->len == UINT32_MAX) {
		free(name); /* uthash had no memory */
		return -1;
	}
	t->extra->id = name;
	return 0;
}

static void
client_frame_cb(struct conn *conn, const struct message_in *m)
{
	struct client *c = (struct client *)conn;
	const struct frame *f = m->frame;
	struct fault fault;

	if (f->kind == FRAME_RESPONSE) {
		fault_set(&fault, CODE_PROTOCOL_ERROR, NULL,
		    "a response came, and morod asked for nothing");
		answer_fault(c, f->msgid, &fault);
		client_close_soon(c);
	} else if (!submit_task(c, m)) {
		control_call(c, m);
	}
}

/* Which code a fault of the scanner has, and the limit that was hit. */
static enum code
client_fault_code(enum scan_fault fault, const struct limits *limits,
    uint64_t *limit)
{
	*limit = 0;
	switch (fault) {
	case SCAN_FAULT_FRAME_SIZE:
		*limit = limits->frame;
		break;
	case SCAN_FAULT_DEPTH:
		*limit = limits->depth;
		break;
	case SCAN_FAULT_VALUES:
		*limit = limits->values;
		break;
	case SCAN_FAULT_METHOD_SIZE:
		*limit = limits->method;
		break;
	default:
		return CODE_PROTOCOL_ERROR;
	}
	return CODE_TOO_LARGE;
}

/*
 * The place in the stream is lost: the client is told why, under the msgid if
 * that was read, and the connection ends.
 */
static void
client_broken_cb(struct conn *conn, enum scan_fault what)
{
	struct client *c = (struct client *)conn;
	struct fault fault;
	uint64_t msgid = 0, limit;
	enum code code = client_fault_code(what, &conn->scan.limits, &limit);

	scan_msgid(&conn->scan, &msgid);
	if (limit == 0) {
		fault_set(&fault, code, NULL, "%s", scan_fault_text(what));
	} else {
		fault_set(&fault, code, NULL, "%s; the limit is %" PRIu64,
		    scan_fault_text(what), limit);
		fault_add_number(&fault, "limit", (int64_t)limit);
	}
	client_note_broken(c, fault.message);
	answer_fault(c, msgid, &fault);
	client_close_soon(c);
}

/*
 * The client sends no more. If it only closed that half it still gets its
 * answers; if it is gone its tasks are stopped.
 */
static void
client_eof_cb(struct conn *conn)
{
	struct client *c = (struct client *)conn;

	c->half_closed = true;
	client_arm(c);
	if (conn_watch_hangup(conn)) {
		client_close(c);
		return;
	}
	if (conn->fd != -1 && !conn->dirty)
		client_check_done(c);
}

/* Ends a connection whose descriptors cannot be told apart any more. */
static void
client_refuse_fds(struct client *c, enum code code, const char *why)
{
	struct fault fault;

	fault_set(&fault, code, "fds", "%s", why);
	answer_fault(c, 0, &fault);
	client_close_soon(c);
}

static void
client_lost_cb(struct conn *conn, int err)
{
	struct client *c = (struct client *)conn;

	if (err == EPROTO)
		client_refuse_fds(c, CODE_PROTOCOL_ERROR,
		    "more than 8 descriptors came with one message");
	else
		client_close(c);
}

static void
client_fds_cb(struct conn *conn, const int *fds, size_t n)
{
	struct client *c = (struct client *)conn;
	enum code code = CODE_QUEUE_FULL;
	const char *why = NULL;

	fdset_count(n);
	if (c->fds == NULL)
		c->fds = calloc(1, sizeof *c->fds);
	if (c->fds == NULL || fdset_held() > c->dispatcher->max_fds) {
		why = "morod holds as many descriptors as it can";
	} else if (c->fds->n + n > CLIENT_FDS) {
		why = "more than 32 descriptors came without their requests";
		code = CODE_PROTOCOL_ERROR;
	}
	if (why != NULL) {
		fdset_close(fds, n);
		client_refuse_fds(c, code, why);
		return;
	}
	memcpy(c->fds->fds + c->fds->n, fds, n * sizeof fds[0]);
	c->fds->n += (uint32_t)n;
	conn->holds_fds = true;
}

/* They would be taken for those of the next request. */
static void
client_fds_left_cb(struct conn *conn)
{
	client_refuse_fds((struct client *)conn, CODE_PROTOCOL_ERROR,
	    "more descriptors came than the requests name in fds");
}

int
client_take_fds(struct client *c, uint32_t n, struct fdset **set)
{
	struct client_fds *q = c->fds;

	if (q == NULL || q->n < n)
		return -1;
	*set = fdset_new(q->fds, n);
	if (*set == NULL)
		fdset_close(q->fds, n);
	q->n -= n;
	memmove(q->fds, q->fds + n, q->n * sizeof q->fds[0]);
	if (q->n == 0) {
		free(q);
		c->fds = NULL;
		c->conn.holds_fds = false;
	}
	return 0;
}

static void
client_sent_cb(struct conn *conn)
{
	struct client *c = (struct client *)conn;

	if (c->closing) {
		client_close(c);
		return;
	}
	if (c->slow) {
		c->slow = false;
		conn_resume(conn);
		client_arm(c);
	}
	client_check_done(c);
}

/* Bytes of output that may wait for it while it is read from. */
static size_t
client_output_soft(const struct client *c)
{
	const struct dispatcher *d = c->dispatcher;
	uint64_t max = d->config->max_queued_bytes;
	size_t soft = d->limits.frame * CLIENT_OUTPUT_SOFT_FRAMES;

	if (client_is_stranger(c))
		return 0;
	if (d->loop.out_bytes <= max - max / CLIENT_OUTPUT_LEAVES ||
	    soft < CLIENT_OUTPUT_SHARE)
		return soft;
	return CLIENT_OUTPUT_SHARE;
}

/* Output is left: a client that does not read is not read from either. */
static void
client_stuck_cb(struct conn *conn)
{
	struct client *c = (struct client *)conn;
	size_t hard = c->dispatcher->limits.frame * CLIENT_OUTPUT_HARD_FRAMES;

	if (conn->out.bytes > hard) {
		client_drop(c, "too much output waits for it");
		return;
	}
	if (c->closing ||
	    (!c->slow && conn->out.bytes <= client_output_soft(c)))
		return;
	if (!c->slow)
		conn_pause(conn);
	else if (conn->out.taken == c->slow_taken ||
		 conn->loop->in_over == conn)
		return; /* or others wait for its message to end */
	c->slow = true;
	c->slow_taken = conn->out.taken;
	client_arm(c);
}

static void
client_partial_cb(struct conn *conn)
{
	struct client *c = (struct client *)conn;

	if (!c->slow && !c->closing)
		client_arm(c);
}
