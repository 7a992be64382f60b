#include "client/handle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/reply.h"

/* Tells the program what to watch for, when that has changed. */
static void
handle_tell(struct moro *m)
{
	int events = moro_events(m);

	if (events == m->events_told)
		return;
	m->events_told = events;
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

void
handle_enter(struct moro *m)
{
	m->depth++;
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

int
handle_check(struct moro *m)
{
	if (m->fd != -1 && !m->failed)
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

/*
 * Answers all requests. Those without a callback go first, while no program
 * code runs: a callback that waits for one of them finds its answer. A
 * callback may connect again and make new requests: they have higher numbers.
 */
static void
handle_answer_all(struct moro *m, const struct failure *f)
{
	uint64_t last = m->requests.last;
	struct pending *p = TAILQ_FIRST(&m->requests.sent), *next;

	for (; p != NULL; p = next) {
		next = TAILQ_NEXT(p, order);
		if (p->number == m->hello_number)
			pending_free(&m->requests, p);
		else if (p->cb == NULL)
			handle_deliver(m, p, reply_failed(f));
	}
	while ((p = TAILQ_FIRST(&m->requests.sent)) != NULL) {
		if (p->number > last)
			return;
		handle_deliver(m, p, reply_failed(f));
	}
}

void
handle_end(struct moro *m, const struct failure *f)
{
	struct failure copy = *f; /* a callback may change the handle's */

	if (m->fd == -1 || m->failed)
		return;
	m->failure = copy;
	m->failed = true;
	/* event loops must let go of a descriptor before it is closed */
	handle_tell(m);
	close(m->fd);
	m->fd = -1;
	m->out_broken = false;
	buffer_clear(&m->in);
	buffer_clear(&m->out);
	parcels_clear(&m->parcels);
	news_reset(&m->news);
	handle_answer_all(m, &copy);
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
