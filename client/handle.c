#include "client/handle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/fork.h"
#include "client/hello.h"
#include "client/reply.h"

/* Tells the program what to watch for, when that has changed. */
static void
handle_tell(struct moro *m)
{
	int events = moro_events(m);
	uint64_t due = revive_due(m);

	if (events == m->events_told && due == m->due_told)
		return;
	m->events_told = events;
	m->due_told = due;
	if (m->events_cb != NULL)
		m->events_cb(m, events, m->events_user);
}

/* Gives everything back that the handle holds, and the handle. */
static void
handle_release(struct moro *m)
{
	pendings_clear(&m->requests);
	moro_reply_free(m->hello);
	buffer_clear(&m->in);
	buffer_clear(&m->out);
	parcels_clear(&m->parcels);
	news_reset(&m->news);
	free(m);
}

/*
 * In a child of fork(): lets go of a connection that is the parent's. Nobody
 * is told: the requests are the parent's too, and an event loop that both
 * share would let go of the descriptor there as well.
 */
static void
handle_disown(struct moro *m)
{
	uint64_t last = m->requests.last;

	m->generation = fork_generation();
	if (!handle_open(m))
		return;
	m->revive.away = false;
	m->events_told = 0;
	m->due_told = revive_due(m);
	handle_detach(m);
	pendings_clear(&m->requests);
	pendings_init(&m->requests);
	m->requests.last = last;
	m->parcels.sent = 0;
	failure_set(&m->failure, MORO_CLOSED,
	    "the connection to %s is that of the process before fork(): "
	    "connect anew",
	    m->path);
	m->failed = true;
	m->due_told = revive_due(m);
}

void
handle_enter(struct moro *m)
{
	m->depth++;
	if (m->generation != fork_generation())
		handle_disown(m);
}

void
handle_leave(struct moro *m)
{
	assert(m->depth > 0);
	if (m->depth == 1)
		handle_tell(m);
	m->depth--;
	if (m->depth == 0 && m->doomed)
		handle_release(m);
}

bool
handle_open(const struct moro *m)
{
	return (m->fd != -1 || m->revive.away) && !m->failed;
}

int
handle_check(struct moro *m)
{
	if (handle_open(m))
		return 0;
	if (!m->failed)
		failure_set(&m->failure, MORO_CLOSED,
		    "there is no connection: moro_connect() comes first");
	return -1;
}

void
handle_note(struct moro *m, const struct failure *f)
{
	if (!m->failed)
		m->failure = *f;
}

void
handle_deliver(struct moro *m, struct pending *p, struct moro_reply *reply)
{
	moro_reply_cb cb = p->cb;
	void *user = p->user;

	if (p->state == PENDING_DROPPED) {
		moro_reply_free(reply);
		pending_free(&m->requests, p);
	} else if (cb == NULL) {
		pending_keep(&m->requests, p, reply);
	} else {
		pending_free(&m->requests, p);
		cb(m, reply, user);
	}
}

void
handle_finish(struct moro *m, struct pending *p, struct moro_reply *reply)
{
	if (p->state == PENDING_SENT && p->cb != NULL)
		pending_end(&m->requests, p, reply);
	else
		handle_deliver(m, p, reply);
}

int
handle_tell_ended(struct moro *m)
{
	struct pending *p;
	int n = 0;

	while ((p = TAILQ_FIRST(&m->requests.ended)) != NULL) {
		moro_reply_cb cb = p->cb;
		void *user = p->user;

		cb(m, pending_take(&m->requests, p), user);
		n++;
	}
	return n;
}

size_t
handle_sent(const struct moro *m, const struct pending *p)
{
	uint64_t sent = m->parcels.sent;

	if (p->len == 0 || sent <= p->at)
		return 0;
	return sent - p->at < p->len ? (size_t)(sent - p->at) : p->len;
}

void
handle_lose(struct moro *m, struct pending *p, const struct failure *f)
{
	bool whole =
	    p->losses > 0 || (p->len != 0 && handle_sent(m, p) == p->len);
	struct failure own = *f;

	if (whole && own.code == MORO_NO_SERVER) {
		own.code = MORO_LOST;
		own.fault.retryable = false;
	}
	if (own.code == MORO_LOST && whole) {
		failure_append(&own, "; the request may have run");
	} else if (own.code == MORO_LOST) {
		own.fault.retryable = true;
		failure_append(&own, "; the request was not sent");
		failure_reason(&own, "unsent");
	}
	handle_finish(m, p, reply_failed(&own));
}

/*
 * Answers all requests. Those without a callback go first, while no program
 * code runs: a callback that waits for one of them finds its answer. A
 * callback may connect again and make new requests: they are not concerned.
 */
static void
handle_answer_all(struct moro *m, const struct failure *f)
{
	struct pending *p = TAILQ_FIRST(&m->requests.sent), *next;

	for (; p != NULL; p = next) {
		next = TAILQ_NEXT(p, order);
		if (p->number == m->hello_number)
			pending_free(&m->requests, p);
		else
			handle_lose(m, p, f);
	}
	m->parcels.sent = 0;
	handle_tell_ended(m);
}

int
handle_attach(struct moro *m, int fd)
{
	hello_reset(m);
	m->fd = fd;
	m->failed = false;
	m->out_broken = false;
	return hello_send(m);
}

void
handle_detach(struct moro *m)
{
	bool failed = m->failed;

	/* event loops must let go of a descriptor before it is closed */
	m->failed = true;
	handle_tell(m);
	m->failed = failed;
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	m->out_broken = false;
	buffer_clear(&m->in);
	buffer_clear(&m->out);
	parcels_drop(&m->parcels);
	news_reset(&m->news);
}

void
handle_quit(struct moro *m, const struct failure *f)
{
	struct failure copy = *f; /* a callback may change the handle's */

	if (!handle_open(m))
		return;
	m->failure = copy;
	m->failed = true;
	m->revive.away = false;
	handle_detach(m);
	handle_answer_all(m, &copy);
}

void
handle_end(struct moro *m, const struct failure *f)
{
	if (handle_open(m) && !revive_lose(m, f))
		handle_quit(m, f);
}

void
handle_fail(struct moro *m, enum moro_code code, const char *format, ...)
{
	char text[FAULT_MESSAGE];
	struct failure f;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	failure_set(&f, code, "%s", text);
	handle_end(m, &f);
}
