#include "server/loop.h"

#include <malloc.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "server/chunk.h"
#include "server/conn-input.h"
#include "server/now.h"

#define MS_PER_S 1000
#define US_PER_MS 1000
#define NS_PER_MS 1000000
#define LOOP_TIDY_MS 1000
#define LOOP_TRIM 10 /* times of that, while there is always something to do */
#define LOOP_RELEASE ((size_t)1 << 20) /* bytes given back in one turn */

/* The timer only ends the wait: deadlines are looked at in every turn. */
static void
loop_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	l->armed = UINT64_MAX;
}

static void loop_tidy_cb(void *owner, uint64_t now);

/*
 * A timer of our own: libevent's precise one costs a system call in every
 * turn, and its other clock is several milliseconds coarse. Edge-triggered,
 * because nobody reads it.
 */
static int
loop_timer_init(struct loop *l)
{
	l->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->timer_fd == -1 || l->base == NULL)
		return -1;
	l->timer = event_new(l->base, l->timer_fd, EV_READ | EV_ET | EV_PERSIST,
	    loop_timer_cb, l);
	return l->timer != NULL ? event_add(l->timer, NULL) : -1;
}

int
loop_init(struct loop *l)
{
	struct event_config *config = event_config_new();

	TAILQ_INIT(&l->dirty);
	TAILQ_INIT(&l->closed);
	TAILQ_INIT(&l->starved);
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->ready_free);
	l->in_bytes = 0;
	l->in_max = UINT64_MAX;
	l->in_over = NULL;
	l->feeding = false;
	l->out_bytes = 0;
	l->turn = 0;
	l->turn_frames = LOOP_FRAMES;
	l->armed = UINT64_MAX;
	l->now = 0;
	l->again = false;
	l->stop = false;
	l->timer = NULL;
	l->timer_fd = -1;
	l->base = NULL;
	deadline_init(&l->tidy, loop_tidy_cb, l);
	l->deadlines = deadlines_new();
	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		l->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (l->deadlines == NULL || loop_timer_init(l) == -1) {
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
	if (l->timer_fd != -1)
		close(l->timer_fd);
	l->timer_fd = -1;
	if (l->base != NULL)
		event_base_free(l->base);
	l->base = NULL;
}

void
loop_read_clock(struct loop *l)
{
	l->now_us = now_us();
	l->now = l->now_us / US_PER_MS;
}

/*
 * Sets the timer to the next deadline. One that stands earlier is left alone:
 * waking once for nothing costs less than setting it again each turn.
 */
static void
loop_arm(struct loop *l)
{
	uint64_t next = deadlines_next(l->deadlines);
	struct itimerspec at = {.it_value = {0}};

	if (next >= l->armed)
		return;
	/* Time 0 would stop it; that is before any start of a machine. */
	at.it_value.tv_sec = (time_t)(next / MS_PER_S);
	at.it_value.tv_nsec = (long)(next % MS_PER_S * NS_PER_MS);
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		l->armed = next;
}

void
loop_flush(struct loop *l)
{
	struct conn *last = TAILQ_LAST(&l->dirty, conn_list);
	struct conn *c;

	/* Those that have more than a turn's output come back to the list. */
	while (last != NULL && (c = TAILQ_FIRST(&l->dirty)) != NULL) {
		conn_flush(c);
		if (c == last)
			break;
	}
	while ((c = TAILQ_FIRST(&l->closed)) != NULL)
		conn_release(c);
}

/*
 * Goes on with the connections that had more messages than fit a turn, until
 * they have been given so much; who was not reached is the first in the next.
 */
static void
loop_continue(struct conn_list *list, uint32_t frames_max, size_t output_max)
{
	struct conn *last = TAILQ_LAST(list, conn_list);
	uint32_t frames = 0;
	size_t output = 0;
	struct conn *c;

	/* Those that come back to the list meanwhile wait once more. */
	while ((c = TAILQ_FIRST(list)) != NULL && frames < frames_max &&
	       output < output_max) {
		size_t before = c->out.bytes;

		conn_continue(c);
		frames += c->frames;
		if (c->out.bytes > before)
			output += c->out.bytes - before;
		if (c == last)
			return;
	}
}

/*
 * All that are metered have together what one may have where nobody is in a
 * hurry: a turn is what everybody else waits, however many ask without end. The
 * others bring answers, which are waited for.
 */
static void
loop_continue_all(struct loop *l)
{
	loop_continue(&l->ready_free, UINT32_MAX, SIZE_MAX);
	loop_continue(&l->ready, LOOP_FRAMES, LOOP_OUTPUT);
}

/*
 * Gives back the memory that was kept and is not used any more. What a flood
 * has left in pieces on the heap goes only when it is asked to.
 */
static void
loop_tidy_cb(void *owner, uint64_t now)
{
	struct loop *l = owner;

	bool more = chunk_retire();

	if (more)
		deadline_set(l->deadlines, &l->tidy, now, LOOP_TIDY_MS);
	if (!more || ++l->tidied % LOOP_TRIM == 0)
		malloc_trim(0);
}

bool
loop_is_busy(struct loop *l)
{
	bool more = chunk_release(LOOP_RELEASE);

	if (!TAILQ_EMPTY(&l->starved))
		conn_input_feed(l); /* what was overwritten is there for them */
	if (chunk_in_use() && !deadline_is_set(&l->tidy))
		deadline_set(l->deadlines, &l->tidy, loop_now(l), LOOP_TIDY_MS);
	return more || l->again || !TAILQ_EMPTY(&l->ready) ||
	       !TAILQ_EMPTY(&l->ready_free) || !TAILQ_EMPTY(&l->dirty);
}

void
loop_turn(struct loop *l, int flags, void (*turn)(void *arg), void *arg)
{
	loop_arm(l);
	l->now = 0;
	l->again = false;
	l->turn++;
	loop_continue_all(l);
	/* without ONCE it would go on for as long as there are events */
	event_base_loop(l->base, flags | EVLOOP_ONCE);
	deadlines_run(l->deadlines, loop_now(l));
	turn(arg);
}

void
loop_run(struct loop *l, void (*turn)(void *arg), void *arg)
{
	while (!l->stop)
		loop_turn(l, loop_is_busy(l) ? EVLOOP_NONBLOCK : 0, turn, arg);
}
