#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "proto/units.h"
#include "tools/complain.h"
#include "tools/interrupt.h"
#include "tools/meter.h"
#include "tools/moroctl.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define WAIT_NEVER (-1) /* a deadline that is not reached */

/* A task that is waited for. */
struct wait {
	struct ctl *c;
	struct moro *m;
	uint64_t number; /* of its request */
	int64_t deadline; /* monotonic ms, or WAIT_NEVER */
	int seen; /* signals that were acted upon */
	bool refused; /* the server does not cancel */
};

/* How a wait ended without an answer. */
enum wait_end {
	WAIT_ANSWERED,
	WAIT_LIMIT,
	WAIT_GIVEN_UP,
};

/* Monotonic milliseconds. */
static int64_t
wait_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS;
}

/* When --wait is over. */
static int64_t
wait_deadline(const struct ctl *c)
{
	uint64_t ms = 0;

	if (ctl_has(c, CTL_WAIT))
		units_duration(c->values[CTL_WAIT], 0, &ms);
	return ms == 0 ? WAIT_NEVER : wait_now() + (int64_t)ms;
}

/* Draws how far the task is. */
static void
wait_progress_cb(struct moro *m, uint64_t number, double done, double total,
    const char *note, void *user)
{
	const struct wait *w = user;

	(void)m;
	if (number == w->number)
		meter_tell(done, total, note);
}

/* Takes the server's word on the cancel; the task's answer says the rest. */
static void
wait_cancel_cb(struct moro *m, struct moro_reply *reply, void *user)
{
	struct wait *w = user;

	(void)m;
	w->refused = !moro_reply_ok(reply);
	moro_reply_free(reply);
}

/* Asks the server to cancel. */
static void
wait_cancel(struct wait *w)
{
	struct moro_map *map = moro_map_new();
	uint64_t number = 0;

	moro_map_number(map, "msgid", (int64_t)w->number);
	if (moro_map_data(map) != NULL)
		number = moro_submit(w->m, "cancel", moro_map_data(map),
		    moro_map_size(map), NULL, wait_cancel_cb, w);
	w->refused = number == 0;
	moro_map_free(map);
	meter_end();
	if (isatty(STDERR_FILENO))
		complain("CANCELLING", "once more to give up waiting");
}

int
ctl_due(const struct ctl *c)
{
	int draw = meter_due();
	int64_t next = moro_next_ms(c->moro);

	if (next < 0 || next > INT_MAX)
		return draw;
	return draw < 0 || next < draw ? (int)next : draw;
}

/* Milliseconds until there is something to do without the server. */
static int
wait_timeout(const struct wait *w)
{
	int64_t due = ctl_due(w->c), left;

	if (w->deadline == WAIT_NEVER)
		return (int)due;
	left = w->deadline - wait_now();
	left = left < 0 ? 0 : left;
	return (int)(due == -1 || left < due ? left : due);
}

/* Sleeps until there are bytes, a signal or something to draw. */
static void
wait_sleep(const struct wait *w)
{
	struct pollfd p = {.fd = moro_fd(w->m)};
	int events = moro_events(w->m);

	if (events & MORO_READ)
		p.events |= POLLIN;
	if (events & MORO_WRITE)
		p.events |= POLLOUT;
	interrupt_poll(&p, 1, wait_timeout(w));
	meter_tick();
}

/* Waits for the answer. */
static enum wait_end
wait_for(struct wait *w, struct moro_reply **reply)
{
	for (;;) {
		*reply = moro_wait(w->m, w->number, 0);
		if (*reply != NULL || moro_error(w->m) != MORO_WAIT_LIMIT)
			return WAIT_ANSWERED;
		if (w->deadline != WAIT_NEVER && wait_now() >= w->deadline)
			return WAIT_LIMIT;
		if (w->refused || interrupt_count() > 1)
			return WAIT_GIVEN_UP;
		if (interrupt_count() > w->seen) {
			w->seen++;
			wait_cancel(w);
			continue;
		}
		/* a server that is away need not be back for it */
		if (w->seen > 0 && !moro_connected(w->m) &&
		    moro_cancel_soon(w->m, w->number) == 0)
			continue;
		wait_sleep(w);
	}
}

/* Says that there was no answer. */
static int
wait_fail(struct wait *w, enum wait_end end)
{
	static const char given_up[] =
	    "gave up waiting; the connection ends, and the task with it";

	if (end == WAIT_LIMIT)
		return ctl_fail(w->c, moro_error(w->m), moro_errstr(w->m));
	w->c->killed_by = interrupt_signal();
	return ctl_fail(w->c, MORO_CANCELLED, given_up);
}

int
ctl_await(struct ctl *c, const char *type, const void *data, size_t len,
    struct moro_reply **reply)
{
	struct wait w = {.c = c, .m = c->moro, .deadline = wait_deadline(c)};
	enum wait_end end;

	if (meter_enabled())
		moro_options_set_progress(c->options, 1);
	w.number =
	    moro_submit(c->moro, type, data, len, c->options, NULL, NULL);
	if (w.number == 0) {
		/* refused before it was sent, as it is again */
		*reply = moro_call(c->moro, type, data, len, c->options);
		return EXIT_DONE;
	}
	moro_on_progress(c->moro, wait_progress_cb, &w);
	meter_begin(false, METER_UNKNOWN, METER_AT_ONCE);
	interrupt_begin();
	end = wait_for(&w, reply);
	meter_end();
	moro_on_progress(c->moro, NULL, NULL);
	if (end == WAIT_ANSWERED && moro_reply_code(*reply) == MORO_CANCELLED)
		c->killed_by = interrupt_signal();
	interrupt_end();
	return end == WAIT_ANSWERED ? EXIT_DONE : wait_fail(&w, end);
}
