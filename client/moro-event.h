#ifndef MORO_EVENT_H
#define MORO_EVENT_H

/*
 * Lets libevent (2.0 or later) drive a connection of libmoro:
 *
 *	struct moro_event *e = moro_event_new(m, base);
 *
 *	moro_submit(m, "debug:echo", data, len, NULL, answer_cb, user);
 *	event_base_dispatch(base);
 *	moro_event_free(e);
 *	moro_free(m);
 *
 * Everything is in this header: link with libmoro and libevent_core. It uses
 * moro_on_events(). The connection may be lost, closed and made again while
 * it is driven, by the program or by moro_set_reconnect(). A callback may call moro_event_free() and then moro_free().
 */

#include <stdlib.h>

#include <event2/event.h>

#include <moro.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One driven connection; its fields are not for programs. */
struct moro_event {
	struct moro *moro;
	struct event_base *base;
	struct event *read; /* NULL: not connected */
	struct event *write; /* likewise */
	struct event *timer; /* for moro_next_ms() */
};

static inline void
moro_event_ready_cb(evutil_socket_t fd, short what, void *user)
{
	struct moro_event *e = (struct moro_event *)user;

	(void)fd;
	(void)what;
	/* the last thing done here: a callback may have freed e */
	moro_dispatch(e->moro);
}

static inline void
moro_event_drop(struct moro_event *e)
{
	if (e->read != NULL)
		event_free(e->read);
	if (e->write != NULL)
		event_free(e->write);
	e->read = NULL;
	e->write = NULL;
}

/* Makes the two events of a descriptor; without memory there are none. */
static inline void
moro_event_watch(struct moro_event *e, int fd)
{
	e->read = event_new(e->base, fd, EV_READ | EV_PERSIST,
	    moro_event_ready_cb, e);
	e->write = event_new(e->base, fd, EV_WRITE | EV_PERSIST,
	    moro_event_ready_cb, e);
	if (e->read == NULL || e->write == NULL)
		moro_event_drop(e);
	else
		event_add(e->read, NULL);
}

/* Sets the timer to what is due next. */
static inline void
moro_event_time(struct moro_event *e)
{
	int64_t ms = moro_next_ms(e->moro);
	struct timeval tv;

	if (ms < 0) {
		event_del(e->timer);
		return;
	}
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(e->timer, &tv);
}

static inline void
moro_event_change_cb(struct moro *m, int events, void *user)
{
	struct moro_event *e = (struct moro_event *)user;

	moro_event_time(e);
	if (events == 0) {
		moro_event_drop(e);
		return;
	}
	if (e->read == NULL)
		moro_event_watch(e, moro_fd(m));
	if (e->write == NULL)
		return;
	if (events & MORO_WRITE)
		event_add(e->write, NULL);
	else
		event_del(e->write);
}

/*
 * Watches the connection in the loop, now and whenever it is connected again.
 * Both must outlive what is returned. NULL: out of memory.
 */
static inline struct moro_event *
moro_event_new(struct moro *m, struct event_base *base)
{
	struct moro_event *e =
	    (struct moro_event *)calloc(1, sizeof(struct moro_event));

	if (e == NULL)
		return NULL;
	e->moro = m;
	e->base = base;
	e->timer = event_new(base, -1, 0, moro_event_ready_cb, e);
	if (e->timer == NULL) {
		free(e);
		return NULL;
	}
	moro_on_events(m, moro_event_change_cb, e);
	moro_event_change_cb(m, moro_events(m), e);
	return e;
}

/* Watches no longer; before moro_free(). NULL is ignored. */
static inline void
moro_event_free(struct moro_event *e)
{
	if (e == NULL)
		return;
	moro_on_events(e->moro, NULL, NULL);
	moro_event_drop(e);
	event_free(e->timer);
	free(e);
}

#ifdef __cplusplus
}
#endif

#endif
