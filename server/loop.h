#ifndef MORO_SERVER_LOOP_H
#define MORO_SERVER_LOOP_H

/*
 * The dispatcher's event loop. libevent 2.1 has no hook at the end of a turn,
 * so the loop is ours: wait, run what is ready, run deadlines, do the work of
 * the turn, flush each connection once, free what was closed.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "server/deadline.h"

/*
 * Messages of one connection in one turn: some 200 us of work; and when others
 * must not wait so long.
 */
#define LOOP_FRAMES 1024
#define LOOP_FRAMES_FEW 64
/* Bytes that it answers to them itself, in one turn likewise. */
#define LOOP_OUTPUT ((size_t)64 << 10)

struct conn;
TAILQ_HEAD(conn_list, conn);

struct loop {
	struct event_base *base;
	struct deadlines *deadlines;
	int timer_fd;
	struct event *timer;
	uint64_t armed; /* when the timer fires; UINT64_MAX: it is not set */
	uint64_t now; /* ms, read once a turn; 0: not read yet */
	uint64_t now_us; /* the same in us; valid when `now` is */
	struct conn_list dirty; /* have output that was not tried to send */
	struct conn_list closed; /* to be freed at the end of the turn */
	struct conn_list starved; /* wait for memory, to read a large message */
	/* Have messages left for the next turn: those that are metered. */
	struct conn_list ready;
	struct conn_list ready_free; /* and those that are not */
	uint64_t in_bytes; /* of buffers for large messages, unfinished */
	uint64_t in_max; /* over that no other such buffer is made */
	bool feeding; /* within conn_input_feed() */
	struct conn *in_over; /* but for this one's message; or NULL */
	uint64_t out_bytes; /* output that is not sent yet */
	uint32_t turn; /* counts them */
	uint32_t turn_frames; /* messages of one connection in one turn */
	struct deadline tidy; /* set while memory is kept for later */
	uint32_t tidied; /* times that it was done */
	bool again; /* there is work for one more turn, without waiting */
	bool stop;
};

/* Returns 0 or -1 when there is no memory. */
int loop_init(struct loop *l);
void loop_clear(struct loop *l);

/* Reads the clock, for the next two. */
void loop_read_clock(struct loop *l);

/* The time of this turn, in ms. */
static inline uint64_t
loop_now(struct loop *l)
{
	if (l->now == 0)
		loop_read_clock(l);
	return l->now;
}

/* The same in us. */
static inline uint64_t
loop_now_us(struct loop *l)
{
	loop_now(l);
	return l->now_us;
}

/*
 * Runs until l->stop; turn(arg) does the work at the end of each turn, and
 * calls loop_flush() once.
 */
void loop_run(struct loop *l, void (*turn)(void *arg), void *arg);

/* One turn of that; `flags` are libevent's: EVLOOP_NONBLOCK waits for nothing. */
void loop_turn(struct loop *l, int flags, void (*turn)(void *arg), void *arg);

/* Whether there is work left that no event announces. */
bool loop_is_busy(struct loop *l);

/* Flushes all dirty connections and frees the closed ones. */
void loop_flush(struct loop *l);

#endif
