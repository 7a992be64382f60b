#include "client/revive.h"

#include <sys/random.h>
#include <unistd.h>

#include "client/handle.h"
#include "client/hello.h"
#include "client/io.h"
#include "client/resend.h"
#include "client/socket.h"
#include "proto/limit.h"

/* How long one attempt waits for the greeting. */
#define REVIVE_GREETING_MS 10000

int
moro_set_reconnect(struct moro *m, uint64_t first_ms, uint64_t max_ms,
    uint64_t limit_ms)
{
	struct revive *v = &m->revive;

	if (first_ms > LIMIT_TIME_MS_MAX || max_ms > LIMIT_TIME_MS_MAX ||
	    limit_ms > LIMIT_TIME_MS_MAX)
		return -1;
	v->first_ms = first_ms;
	v->max_ms = max_ms < first_ms ? first_ms : max_ms;
	v->limit_ms = limit_ms;
	v->pause_ms = first_ms;
	if (v->away && first_ms == 0)
		v->give_up = 0; /* at the next turn */
	return 0;
}

bool
revive_on(const struct moro *m)
{
	return m->revive.first_ms != 0 && m->revive.able;
}

/* Whether another attempt may go better than the one that ended so. */
static bool
revive_hopeful(const struct failure *f)
{
	switch (f->code) {
	case MORO_NO_SERVER:
		return f->fault.retryable;
	case MORO_LOST:
	case MORO_SYSTEM:
	case MORO_QUEUE_FULL: /* it has no place for us now */
		return true;
	default:
		return false;
	}
}

/*
 * The next pause, from half of it on by chance: clients that lost the same
 * server do not all come back at once.
 */
static uint64_t
revive_pause(struct revive *v)
{
	uint64_t pause = v->pause_ms, chance = 0;

	getrandom(&chance, sizeof chance, GRND_NONBLOCK);
	v->pause_ms = pause < v->max_ms / 2 ? pause * 2 : v->max_ms;
	return pause - chance % (pause / 2 + 1);
}

/* Notes that the handle is away from now on. */
static void
revive_leave(struct revive *v, uint64_t now)
{
	v->away = true;
	v->expiry = IO_NEVER;
	v->give_up = io_deadline(v->limit_ms);
	/* a server that dies soon after its greeting is not come back to fast */
	if (now - v->greeted > v->max_ms)
		v->pause_ms = v->first_ms;
}

bool
revive_lose(struct moro *m, const struct failure *f)
{
	struct revive *v = &m->revive;
	uint64_t now = io_now();

	if (!revive_on(m) || !revive_hopeful(f))
		return false;
	if (!v->away)
		revive_leave(v, now);
	v->why = *f;
	m->failure = *f;
	v->due = now + revive_pause(v);
	resend_salvage(m);
	handle_detach(m);
	resend_sort(m, f);
	return true;
}

/* Makes one attempt. */
static void
revive_try(struct moro *m)
{
	struct failure f;
	int fd = socket_connect(m->path, 0, &f);

	if (fd == -1) {
		handle_end(m, &f);
		return;
	}
	m->revive.due = io_deadline(REVIVE_GREETING_MS);
	if (handle_attach(m, fd) == 0)
		io_flush(m);
}

void
revive_begin(struct moro *m)
{
	revive_leave(&m->revive, io_now());
	m->revive.pause_ms = m->revive.first_ms;
	revive_try(m);
}

/* Ends an absence that has become too long. */
static void
revive_give_up(struct moro *m)
{
	struct failure f;

	if (m->revive.first_ms == 0)
		failure_set(&f, MORO_NO_SERVER,
		    "reconnecting was switched off while away: %s",
		    m->revive.why.fault.message);
	else
		failure_set(&f, MORO_NO_SERVER, "gave up after %llu ms: %s",
		    (unsigned long long)m->revive.limit_ms,
		    m->revive.why.fault.message);
	handle_quit(m, &f);
}

void
revive_tick(struct moro *m)
{
	struct revive *v = &m->revive;
	uint64_t now;

	if (!v->away)
		return;
	now = io_now();
	if (now >= v->expiry)
		v->expiry = resend_expire(m, now);
	if (now >= v->give_up)
		revive_give_up(m);
	else if (now >= v->due && m->fd == -1)
		revive_try(m);
	else if (now >= v->due)
		handle_fail(m, MORO_NO_SERVER, HANDLE_MUTE, m->path);
}

uint64_t
revive_due(const struct moro *m)
{
	const struct revive *v = &m->revive;
	uint64_t due = IO_NEVER;

	if (!TAILQ_EMPTY(&m->requests.ended))
		return 0;
	if (!v->away)
		return IO_NEVER;
	due = v->due < v->give_up ? v->due : v->give_up;
	return v->expiry < due ? v->expiry : due;
}

void
revive_greeted(struct moro *m)
{
	struct revive *v = &m->revive;

	v->greeted = io_now();
	if (!v->away)
		return;
	v->away = false;
	m->failure = (struct failure){0};
	resend_all(m);
	subscribe_again(m);
}

int64_t
moro_next_ms(const struct moro *m)
{
	uint64_t due = revive_due(m), now;

	if (due == IO_NEVER)
		return -1;
	now = io_now();
	return due > now ? (int64_t)(due - now) : 0;
}
