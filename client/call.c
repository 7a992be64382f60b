#include "client/call.h"

#include <errno.h>
#include <string.h>

#include <msgpack.h>

#include "client/answer.h"
#include "client/choices.h"
#include "client/handle.h"
#include "client/hello.h"
#include "client/io.h"
#include "client/reply.h"
#include "client/resend.h"
#include "proto/envelope.h"
#include "proto/limit.h"

/* From here on moro_submit() writes at once instead of gathering more. */
#define CALL_FLUSH_AT ((size_t)64 << 10)

/* Room for the options' map: twelve pairs, an id of LIMIT_ID bytes. */
#define CALL_OPTIONS (LIMIT_ID + 512)

/* Reads in one moro_dispatch(), so that one connection starves no other. */
#define CALL_READS 16

/* Whether the request has a first parameter. */
static bool
call_has_data(const struct request *rq)
{
	return rq->data != NULL || rq->object != NULL;
}

/* Appends the parameters. Returns 0, or -1: no memory. */
static int
call_append_params(struct moro *m, const struct request *rq)
{
	msgpack_packer pk;
	int rc = 0;

	msgpack_packer_init(&pk, &m->out, buffer_write);
	if (rq->object != NULL)
		rc = msgpack_pack_object(&pk, *rq->object);
	else if (rq->data != NULL)
		rc = buffer_append(&m->out, rq->data, rq->len);
	else if (rq->options != NULL)
		rc = msgpack_pack_nil(&pk);
	if (rc == 0 && rq->options != NULL)
		rc = choices_pack(rq->options, &pk);
	return rc;
}

/* Appends the whole message. Returns 0, or -1: no memory. */
static int
call_append(struct moro *m, const struct request *rq, uint64_t number)
{
	size_t method_len = strlen(rq->type);
	unsigned int n = rq->options != NULL ? 2 : call_has_data(rq) ? 1 : 0;

	/* all at once: large data is then moved only this one time */
	if (buffer_reserve(&m->out,
		ENVELOPE_HEAD_MAX + method_len + rq->len + CALL_OPTIONS) == -1)
		return -1;
	m->out.end += envelope_request(buffer_tail(&m->out), number, rq->type,
	    method_len, n);
	return call_append_params(m, rq);
}

/* Says why a message may not be sent. */
static void
call_refuse(const struct moro *m, const struct scan *s, size_t size,
    struct failure *f)
{
	static const char takes[] = "data takes exactly one MessagePack value";

	switch (scan_fault(s)) {
	case SCAN_FAULT_FRAME_SIZE:
	case SCAN_FAULT_METHOD_SIZE:
	case SCAN_FAULT_DEPTH:
	case SCAN_FAULT_VALUES:
		failure_set(f, MORO_TOO_LARGE, "%s by the server",
		    scan_fault_text(scan_fault(s)));
		break;
	default:
		failure_set(f, MORO_INVALID_ARGUMENT, "%s", takes);
		fault_add_text(&f->fault, "field", "data");
		break;
	}
	if (scan_fault(s) == SCAN_FAULT_FRAME_SIZE) {
		fault_add_number(&f->fault, "limit", (int64_t)m->limits.frame);
		fault_add_number(&f->fault, "size", (int64_t)size);
	}
}

int
call_check(const struct moro *m, const uint8_t *bytes, size_t size,
    struct frame *frame, struct failure *f)
{
	struct scan s;

	scan_init(&s, &m->limits);
	if (scan_feed(&s, bytes, size) == SCAN_FRAME) {
		scan_frame(&s, frame);
		if (frame->size == size)
			return 0;
	}
	call_refuse(m, &s, size, f);
	return -1;
}

/* Checks the message that begins at `at` of the output. */
static int
call_check_out(struct moro *m, size_t at, struct frame *frame)
{
	struct failure f;

	if (call_check(m, buffer_head(&m->out) + at, buffer_len(&m->out) - at,
		frame, &f) == 0)
		return 0;
	handle_note(m, &f);
	return -1;
}

/* Checks what cannot even be written down. */
static int
call_check_type(struct moro *m, const struct request *rq)
{
	struct failure f;

	if (rq->type != NULL && rq->type[0] != '\0' &&
	    strlen(rq->type) <= m->limits.method)
		return 0;
	failure_set(&f, MORO_INVALID_ARGUMENT,
	    "type takes a name of 1 to %u bytes", m->limits.method);
	fault_add_text(&f.fault, "field", "type");
	handle_note(m, &f);
	return -1;
}

/* Notes that memory ran out. */
static void
call_note_memory(struct moro *m)
{
	struct failure f;

	failure_set(&f, MORO_NO_MEMORY, "out of memory");
	handle_note(m, &f);
}

/* Whether the request may be sent again after it was sent. */
static bool
call_may_repeat(const struct request *rq)
{
	/* methods that do the same however often they are called */
	static const char *const methods[] = {"ping", "stats", "types", "ls",
	    "keys", "slow", "poison", "clients", "cancel", "subscribe",
	    "unsubscribe"};

	if (rq->once)
		return false;
	if (rq->options != NULL && choices_may_repeat(rq->options))
		return true;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		if (strcmp(rq->type, methods[i]) == 0)
			return true;
	}
	return false;
}

/* Notes that there is no server now that a request could be meant for. */
static int
call_note_once(struct moro *m)
{
	struct failure f;

	failure_set(&f, MORO_NO_SERVER,
	    "there is no connection to %s: nothing to cancel there", m->path);
	handle_note(m, &f);
	return -1;
}

/* Notes that descriptors cannot go with a request. */
static int
call_note_fds(struct moro *m)
{
	struct failure f;

	if (errno == ENOMEM)
		failure_set(&f, MORO_NO_MEMORY, "out of memory");
	else
		failure_set(&f, MORO_SYSTEM,
		    "cannot duplicate a descriptor: %s", strerror(errno));
	handle_note(m, &f);
	return -1;
}

/* Whether the server takes descriptors, as far as is known; if not, notes so. */
static int
call_check_fds(struct moro *m, uint32_t n)
{
	struct failure f;

	if (n == 0 || m->hello == NULL || m->revive.away ||
	    moro_server_has(m, HELLO_FEATURE_FD))
		return 0;
	failure_set(&f, MORO_UNSUPPORTED, CALL_NO_FDS, m->path);
	handle_note(m, &f);
	return -1;
}

/*
 * Has the message that begins at `at` sent, with its descriptors: at once, or,
 * while there is no connection, when there is one; and again, if it may.
 */
static int
call_post(struct moro *m, const struct request *rq, struct pending *p,
    size_t at, const struct frame *frame)
{
	const int *fds = NULL;
	uint32_t n = rq->options != NULL ? choices_fds(rq->options, &fds) : 0;
	bool hold = resend_holds(m) && !rq->greeting;

	if (call_check_fds(m, n) == -1)
		return -1;
	if (hold && rq->once)
		return call_note_once(m);
	p->once = rq->once;
	p->again = !rq->greeting && call_may_repeat(rq);
	if (revive_on(m))
		p->since = io_now();
	if (hold || (p->again && revive_on(m))) {
		if (resend_keep(m, p, buffer_head(&m->out) + at, frame, fds,
			n) == -1)
			return call_note_fds(m);
	}
	if (hold) {
		buffer_truncate(&m->out, at);
		return 0;
	}
	p->at = m->parcels.sent + at;
	p->len = frame->size;
	if (n > 0 && parcels_add(&m->parcels, at, fds, n) == -1)
		return call_note_fds(m);
	return 0;
}

uint64_t
call_send(struct moro *m, const struct request *rq, moro_reply_cb cb,
    void *user, bool is_private)
{
	struct pending *p;
	struct frame frame;
	size_t at = buffer_len(&m->out);

	if (handle_check(m) == -1 || call_check_type(m, rq) == -1)
		return 0;
	p = pending_new(&m->requests, cb, user);
	if (p == NULL || call_append(m, rq, p->number) == -1) {
		call_note_memory(m);
		goto fail;
	}
	if (call_check_out(m, at, &frame) == -1 ||
	    call_post(m, rq, p, at, &frame) == -1)
		goto fail;
	p->is_private = is_private;
	if (m->out_broken) {
		/* the end is near */
		buffer_truncate(&m->out, at);
		parcels_drop(&m->parcels);
	} else if (buffer_len(&m->out) >= CALL_FLUSH_AT) {
		io_flush(m);
	}
	return p->number;
fail:
	buffer_truncate(&m->out, at);
	if (p != NULL)
		pending_free(&m->requests, p);
	return 0;
}

int
call_notify(struct moro *m, const struct request *rq)
{
	size_t at = buffer_len(&m->out), method_len = strlen(rq->type);
	struct frame frame;

	if (buffer_reserve(&m->out, ENVELOPE_HEAD_MAX + method_len + rq->len) ==
	    -1) {
		call_note_memory(m);
		return -1;
	}
	m->out.end +=
	    envelope_notify(buffer_tail(&m->out), rq->type, method_len, 1);
	if (call_append_params(m, rq) == -1) {
		call_note_memory(m);
		goto fail;
	}
	if (call_check_out(m, at, &frame) == -1)
		goto fail;
	if (m->out_broken)
		buffer_truncate(&m->out, at); /* the end is near */
	return 0;
fail:
	buffer_truncate(&m->out, at);
	return -1;
}

/* Notes that a wait has reached its limit. */
static void
call_note_limit(struct moro *m)
{
	struct failure f;

	if (m->revive.away) {
		failure_set(&f, MORO_WAIT_LIMIT,
		    "no connection within the wait limit (timeout): %s",
		    m->revive.why.code == MORO_OK
			? "the server does not answer"
			: m->revive.why.fault.message);
		handle_note(m, &f);
		return;
	}
	failure_set(&f, MORO_WAIT_LIMIT,
	    "no answer from the server at %s within the wait limit (timeout)",
	    m->path);
	handle_note(m, &f);
}

/* Notes that a number belongs to no request (any more). */
static void
call_note_unknown(struct moro *m)
{
	struct failure f;

	failure_set(&f, MORO_NOT_FOUND, "no such request is outstanding");
	handle_note(m, &f);
}

/*
 * One turn of a wait. Past its deadline it goes on only for what has come, and
 * only so often: a peer that does not stop talking holds nobody longer.
 * Returns as io_turn() does.
 */
static int
call_turn(struct moro *m, uint64_t deadline, unsigned int *late)
{
	if (deadline != IO_NEVER && io_now() >= deadline &&
	    (*late)++ == CALL_READS)
		return 0;
	return io_turn(m, deadline);
}

/*
 * Waits until a request is answered and takes the answer. Returns false with
 * the failure noted: the deadline, or it is gone.
 */
static bool
call_await(struct moro *m, uint64_t number, uint64_t deadline,
    struct moro_reply **reply)
{
	unsigned int late = 0;

	for (;;) {
		struct pending *p;

		/* in a callback there may be answers that are read already */
		answer_all(m);
		p = pending_find(&m->requests, number);
		/* a callback may have taken or forgotten it meanwhile */
		if (p == NULL || p->state == PENDING_DROPPED) {
			call_note_unknown(m);
			return false;
		}
		if (p->state == PENDING_ANSWERED) {
			*reply = pending_take(&m->requests, p);
			return true;
		}
		if (call_turn(m, deadline, &late) == 0) {
			call_note_limit(m);
			return false;
		}
	}
}

/*
 * Whether nothing of a request has gone, and nothing stands behind it in what is
 * to go: then it is taken back.
 */
static bool
call_take_back(struct moro *m, struct pending *p)
{
	uint64_t ahead = p->at - m->parcels.sent;

	if (p->len == 0 || handle_sent(m, p) > 0 || p->at < m->parcels.sent ||
	    ahead + p->len != buffer_len(&m->out))
		return false;
	buffer_truncate(&m->out, (size_t)ahead);
	parcels_cut(&m->parcels, p->at);
	pending_free(&m->requests, p);
	return true;
}

/*
 * Gives up a request that nobody waits for any more: one that was not sent yet
 * is not sent later on, unless others were submitted behind it meanwhile.
 */
static void
call_withdraw(struct moro *m, uint64_t number)
{
	struct pending *p = pending_find(&m->requests, number);

	if (p != NULL && p->state == PENDING_SENT && p->letter != NULL &&
	    resend_holds(m) && handle_sent(m, p) == 0) {
		pending_free(&m->requests, p);
		return;
	}
	if (p != NULL && p->state == PENDING_SENT && call_take_back(m, p))
		return;
	/* not sent yet, it is not sent to the next server either */
	if (p != NULL && handle_sent(m, p) == 0)
		p->cancelled = true;
	moro_forget(m, number);
}

struct moro_reply *
call_wait(struct moro *m, const struct request *rq)
{
	struct moro_reply *reply = NULL;
	uint64_t number;

	handle_enter(m);
	number = call_send(m, rq, NULL, NULL, true);
	if (number == 0) {
		reply = reply_failed(&m->failure);
	} else if (!call_await(m, number, io_deadline(m->wait_ms), &reply)) {
		reply = reply_failed(&m->failure);
		call_withdraw(m, number);
	}
	handle_leave(m);
	return reply;
}

struct moro_reply *
moro_call(struct moro *m, const char *type, const void *data, size_t len,
    const struct moro_options *options)
{
	struct request rq = {.type = type,
	    .data = data,
	    .len = len,
	    .options = options};

	return call_wait(m, &rq);
}

struct moro_reply *
moro_call_object(struct moro *m, const char *type,
    const struct msgpack_object *data, const struct moro_options *options)
{
	struct request rq = {.type = type, .object = data, .options = options};

	return call_wait(m, &rq);
}

/* Submits between enter and leave. */
static uint64_t
call_submit(struct moro *m, const struct request *rq, moro_reply_cb cb,
    void *user)
{
	uint64_t number;

	handle_enter(m);
	number = call_send(m, rq, cb, user, false);
	handle_leave(m);
	return number;
}

uint64_t
moro_submit(struct moro *m, const char *type, const void *data, size_t len,
    const struct moro_options *options, moro_reply_cb cb, void *user)
{
	struct request rq = {.type = type,
	    .data = data,
	    .len = len,
	    .options = options};

	return call_submit(m, &rq, cb, user);
}

uint64_t
moro_submit_object(struct moro *m, const char *type,
    const struct msgpack_object *data, const struct moro_options *options,
    moro_reply_cb cb, void *user)
{
	struct request rq = {.type = type, .object = data, .options = options};

	return call_submit(m, &rq, cb, user);
}

/* The deadline of moro_wait() and moro_wait_any(); 0 ms: at once. */
static uint64_t
call_deadline(const struct moro *m, int64_t wait_ms)
{
	if (wait_ms < 0)
		return io_deadline(m->wait_ms);
	return wait_ms == 0 ? 0 : io_deadline((uint64_t)wait_ms);
}

struct moro_reply *
moro_wait(struct moro *m, uint64_t number, int64_t wait_ms)
{
	struct moro_reply *reply = NULL;
	struct pending *p;

	handle_enter(m);
	p = pending_find(&m->requests, number);
	if (p == NULL || p->cb != NULL || p->is_private)
		call_note_unknown(m);
	else
		call_await(m, number, call_deadline(m, wait_ms), &reply);
	handle_leave(m);
	return reply;
}

struct moro_reply *
moro_wait_any(struct moro *m, uint64_t *number, int64_t wait_ms)
{
	uint64_t deadline = call_deadline(m, wait_ms);
	struct moro_reply *reply = NULL;
	unsigned int late = 0;
	struct pending *p;

	handle_enter(m);
	for (;;) {
		answer_all(m);
		p = pending_first_answer(&m->requests);
		if (p != NULL)
			break;
		if (!pending_awaited(&m->requests)) {
			call_note_unknown(m);
			break;
		}
		if (call_turn(m, deadline, &late) == 0) {
			call_note_limit(m);
			break;
		}
	}
	if (p != NULL) {
		if (number != NULL)
			*number = p->number;
		reply = pending_take(&m->requests, p);
	}
	handle_leave(m);
	return reply;
}

void
moro_forget(struct moro *m, uint64_t number)
{
	struct pending *p = pending_find(&m->requests, number);

	if (p == NULL)
		return;
	if (p->state == PENDING_ANSWERED || p->state == PENDING_ENDED)
		pending_free(&m->requests, p);
	else if (p->state == PENDING_SENT && number != m->hello_number)
		pending_drop(&m->requests, p);
}

size_t
moro_outstanding(const struct moro *m)
{
	return m->requests.n_sent - (m->hello == NULL && m->fd != -1 ? 1 : 0);
}

int
moro_dispatch(struct moro *m)
{
	int n = 0, reads = 0;
	bool dead;

	handle_enter(m);
	revive_tick(m);
	n += answer_all(m);
	handle_check(m);
	while (m->fd != -1 && reads++ < CALL_READS) {
		int rc;

		io_flush(m);
		rc = io_read(m, false);
		n += answer_all(m);
		if (rc != 1 || m->fd == -1)
			break;
	}
	dead = !handle_open(m);
	if (m->fd != -1)
		io_flush(m);
	handle_leave(m);
	return dead && n == 0 ? -1 : n;
}
