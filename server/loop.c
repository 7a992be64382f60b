#include "server/loop.h"

#include "server/conn.h"
#include "server/now.h"

#define MS_PER_S 1000
#define US_PER_MS 1000

/* The timer only ends the wait: deadlines are looked at in every turn. */
static void
loop_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	l->armed = UINT64_MAX;
}

int
loop_init(struct loop *l)
{
	struct event_config *config = event_config_new();

	TAILQ_INIT(&l->dirty);
	TAILQ_INIT(&l->closed);
	TAILQ_INIT(&l->starved);
	TAILQ_INIT(&l->ready);
	l->in_bytes = 0;
	l->in_max = UINT64_MAX;
	l->out_bytes = 0;
	l->armed = UINT64_MAX;
	l->now = 0;
	l->stop = false;
	l->timer = NULL;
	l->base = NULL;
	l->deadlines = deadlines_new();
	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
		l->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (l->base != NULL)
		l->timer = evtimer_new(l->base, loop_timer_cb, l);
	if (l->deadlines == NULL || l->timer == NULL) {
		loop_clear(l);
		return -1;
	}
	return 0;
}

void
loop_clear(struct loop *l)
{
	deadlines_free(l->deadlines);
	l->deadlines = NULL;
	if (l->timer != NULL)
		event_free(l->timer);
	l->timer = NULL;
	if (l->base != NULL)
		event_base_free(l->base);
	l->base = NULL;
}

uint64_t
loop_now(struct loop *l)
{
	if (l->now == 0)
		l->now = now_ms();
	return l->now;
}

/*
 * Sets the timer to the next deadline. One that stands earlier is left alone:
 * waking once for nothing costs less than setting it again each turn.
 */
static void
loop_arm(struct loop *l)
{
	uint64_t next = deadlines_next(l->deadlines);
	uint64_t wait;
	struct timeval tv;

	if (next >= l->armed)
		return;
	wait = next > loop_now(l) ? next - loop_now(l) : 0;
	tv.tv_sec = (time_t)(wait / MS_PER_S);
	tv.tv_usec = (suseconds_t)(wait % MS_PER_S * US_PER_MS);
	if (evtimer_add(l->timer, &tv) == 0)
		l->armed = next;
}

void
loop_flush(struct loop *l)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&l->dirty)) != NULL)
		conn_flush(c);
	while ((c = TAILQ_FIRST(&l->closed)) != NULL)
		conn_release(c);
}

/* Goes on with the connections that had more messages than fit a turn. */
static void
loop_continue(struct loop *l)
{
	struct conn *last = TAILQ_LAST(&l->ready, conn_list);
	struct conn *c;

	/* Those that come back to the list meanwhile wait once more. */
	while ((c = TAILQ_FIRST(&l->ready)) != NULL) {
		conn_continue(c);
		if (c == last)
			return;
	}
}

void
loop_run(struct loop *l, void (*turn)(void *arg), void *arg)
{
	while (!l->stop) {
		loop_arm(l);
		l->now = 0;
		event_base_loop(l->base,
		    TAILQ_EMPTY(&l->ready) ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
		loop_continue(l);
		deadlines_run(l->deadlines, loop_now(l));
		turn(arg);
		loop_flush(l);
	}
}
