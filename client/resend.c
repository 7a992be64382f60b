#include "client/resend.h"

#include <errno.h>
#include <string.h>

#include "client/call.h"
#include "client/handle.h"
#include "client/hello.h"
#include "client/io.h"
#include "client/letter.h"
#include "client/reply.h"

bool
resend_holds(const struct moro *m)
{
	return revive_on(m) && (m->revive.away || m->out_broken);
}

int
resend_keep(struct moro *m, struct pending *p, const uint8_t *bytes,
    const struct frame *frame, const int *fds, uint32_t n)
{
	p->letter = letter_new(bytes, frame, fds, n, p->since);
	if (p->letter == NULL)
		return -1;
	if (letter_end(p->letter) < m->revive.expiry)
		m->revive.expiry = letter_end(p->letter);
	return 0;
}

/* Keeps one request of which nothing was sent. */
static void
resend_salvage_one(struct moro *m, struct pending *p)
{
	const uint8_t *bytes = buffer_head(&m->out) + (p->at - m->parcels.sent);
	const int *fds = NULL;
	uint32_t n = parcels_at(&m->parcels, p->at, &fds);
	struct frame frame;
	struct scan s;

	scan_init(&s, &m->limits);
	if (scan_feed(&s, bytes, p->len) != SCAN_FRAME)
		return;
	scan_frame(&s, &frame);
	/* one from before moro_set_reconnect(): nobody noted the time */
	if (p->since == 0)
		p->since = io_now();
	/* without memory it is lost */
	resend_keep(m, p, bytes, &frame, fds, n);
}

void
resend_salvage(struct moro *m)
{
	size_t len = buffer_len(&m->out);
	struct pending *p;

	if (!revive_on(m) || len == 0)
		return;
	TAILQ_FOREACH(p, &m->requests.sent, order) {
		if (p->letter == NULL && p->number != m->hello_number &&
		    p->at >= m->parcels.sent &&
		    p->at + p->len <= m->parcels.sent + len)
			resend_salvage_one(m, p);
	}
}

/*
 * Notes that a connection is lost to which the request was given. Returns
 * whether it goes to the next one.
 */
static bool
resend_survives(struct moro *m, struct pending *p, uint64_t now)
{
	bool sent = handle_sent(m, p) > 0;

	if (p->letter == NULL || p->once)
		return false;
	if (!sent)
		return true;
	p->losses++;
	p->letter->times[LETTER_QUEUE].since = now;
	return p->losses < RESEND_LOSSES && p->state == PENDING_SENT;
}

void
resend_sort(struct moro *m, const struct failure *f)
{
	struct failure copy = *f; /* a callback may change the handle's */
	struct pending *p = TAILQ_FIRST(&m->requests.sent), *next;
	uint64_t now = io_now();

	m->revive.expiry = IO_NEVER;
	for (; p != NULL; p = next) {
		next = TAILQ_NEXT(p, order);
		if (p->number == m->hello_number) {
			pending_free(&m->requests, p);
		} else if (!resend_survives(m, p, now)) {
			handle_lose(m, p, &copy);
		} else if (p->cancelled) {
			resend_cancel(m, p);
		} else {
			p->at = 0;
			p->len = 0;
			if (letter_end(p->letter) < m->revive.expiry)
				m->revive.expiry = letter_end(p->letter);
		}
	}
	m->parcels.sent = 0;
	handle_tell_ended(m);
}

/* Why a message that was kept cannot go to this server; or MORO_OK. */
static void
resend_check(struct moro *m, const struct letter *l, struct failure *f)
{
	struct frame frame;

	f->code = MORO_OK;
	if (call_check(m, l->bytes, l->len, &frame, f) == -1)
		return;
	if (l->n_fds > 0 && !moro_server_has(m, HELLO_FEATURE_FD))
		failure_set(f, MORO_UNSUPPORTED, CALL_NO_FDS, m->path);
}

/* Appends one letter to the output. */
static int
resend_append(struct moro *m, struct pending *p, uint64_t now)
{
	struct letter *l = p->letter;
	size_t at = buffer_len(&m->out);

	if (letter_pack(l, &m->out, now) == -1)
		return -1;
	if (l->n_fds > 0 &&
	    parcels_add(&m->parcels, at, l->fds, l->n_fds) == -1) {
		buffer_truncate(&m->out, at);
		return -1;
	}
	p->at = m->parcels.sent + at;
	p->len = buffer_len(&m->out) - at;
	p->since = now;
	if (p->again)
		return 0;
	letter_free(l);
	p->letter = NULL;
	return 0;
}

/* Sends one that was kept, or answers it. */
static void
resend_one(struct moro *m, struct pending *p, uint64_t now)
{
	struct failure f;

	resend_check(m, p->letter, &f);
	if (f.code == MORO_OK && resend_append(m, p, now) == -1)
		failure_set(&f, errno == ENOMEM ? MORO_NO_MEMORY : MORO_SYSTEM,
		    "cannot send the request again: %s", strerror(errno));
	if (f.code != MORO_OK)
		handle_finish(m, p, reply_failed(&f));
}

void
resend_all(struct moro *m)
{
	struct pending *p = TAILQ_FIRST(&m->requests.sent), *next;
	uint64_t now = io_now();

	for (; p != NULL; p = next) {
		next = TAILQ_NEXT(p, order);
		if (p->letter != NULL)
			resend_one(m, p, now);
	}
}

uint64_t
resend_expire(struct moro *m, uint64_t now)
{
	struct pending *p = TAILQ_FIRST(&m->requests.sent), *next;
	uint64_t first = IO_NEVER;
	struct failure f;

	for (; p != NULL; p = next) {
		uint64_t end;

		next = TAILQ_NEXT(p, order);
		end = p->letter == NULL ? IO_NEVER : letter_end(p->letter);
		if (end <= now) {
			letter_expired(p->letter, now, m->path, &f);
			handle_finish(m, p, reply_failed(&f));
		} else if (end < first) {
			first = end;
		}
	}
	return first;
}

void
resend_cancel(struct moro *m, struct pending *p)
{
	struct failure f;

	failure_set(&f, MORO_CANCELLED,
	    "cancelled while there was no connection to %s", m->path);
	failure_reason(&f, "client");
	handle_finish(m, p, reply_failed(&f));
}
