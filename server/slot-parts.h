#ifndef MORO_SERVER_SLOT_PARTS_H
#define MORO_SERVER_SLOT_PARTS_H

/* What the files of the slot share with each other, and with nobody else. */

#include "server/dispatcher.h"
#include "server/pool.h"
#include "server/slot.h"

/*
 * What takes so many times more than a worker should hold is taken back; and
 * what takes so many times is not handed to one that is busy.
 */
#define SLOT_SLACK 10
#define SLOT_AHEAD 20
/* So many times as much it holds while no priorities mix. */
#define SLOT_DEEPER 4u
#define SLOT_TASKS_MAX PAGE_TASKS /* tasks that it may hold */
#define SLOT_BYTES_MAX ((uint64_t)1024 << 10) /* over it: no more of them */
#define SLOT_FDS_MAX (FDPASS_AHEAD - FDPASS_MAX) /* likewise */

static inline struct dispatcher *
slot_dispatcher(const struct slot *s)
{
	return s->pool->dispatcher;
}

/*
 * Whether its worker is a program: it is handed one task at a time, which
 * counts as begun then, for it has no page; the dispatcher keeps it in its place.
 */
static inline bool
slot_is_program(const struct slot *s)
{
	return s->pool->programs;
}

/* Whether it is one that dialled in: its connection is all that there is of it. */
static inline bool
slot_is_served(const struct slot *s)
{
	return s->pool->served;
}

/*
 * The run time that it may hold. Waking a worker for each 50 us costs as much
 * as the work: it gets more while nobody can be in a greater hurry.
 */
static inline uint64_t
slot_prefetch_ns(const struct slot *s)
{
	uint64_t ns = slot_dispatcher(s)->prefetch_ns;

	if (slot_is_program(s))
		return 0;
	return pool_is_mixed(s->pool) ? ns : SLOT_DEEPER * ns;
}

/* Whether a busy one may have one more task behind those that it holds. */
static inline bool
slot_has_room(const struct slot *s, uint64_t prefetch_ns)
{
	return s->held_ns < prefetch_ns && !s->stuck &&
	       s->n_running < SLOT_TASKS_MAX &&
	       s->held_bytes < SLOT_BYTES_MAX && s->held_fds < SLOT_FDS_MAX;
}

/*
 * Keeps the pool's list of open slots right; idle ones come first, and last
 * those that did not get on.
 */
void slot_update(struct slot *s);

/* Puts it into another state. */
void slot_change(struct slot *s, enum slot_state to);

/*
 * Limits of a worker's messages: a result may be as large as a request, and
 * has an envelope around it. How many values it has and how deep is the
 * task's business, not the caller's: a token of a few bytes may hold a lot.
 */
struct limits slot_limits(const struct dispatcher *d);

extern const struct conn_ops slot_ops;

/* A new worker is there: what is counted begins. */
void slot_begin_life(struct slot *s);

/* It is set up, and may be handed tasks. */
void slot_become_ready(struct slot *s);

/* Takes all that the worker has left, and settles what it held. */
void slot_wind_up(struct slot *s, const struct message *m);

/* Lets go of the worker; its socket is closed and freed by the loop. */
void slot_forget(struct slot *s);

/* It dialled in, and is given up: at the end of the turn it is gone. */
void slot_close(struct slot *s);

/*
 * Its worker has closed its channel, or reads no more: it has a moment to end
 * by itself, so that its status tells why.
 */
void slot_linger(struct slot *s);

/* Its worker is no good any more; the master counts that as a death. */
void slot_give_up(struct slot *s, const char *cause);

/*
 * A worker's answer. One that nobody waits for (any more) drops out here: then
 * it returns false.
 */
bool slot_answer(struct slot *s, const struct message_in *m);

/* Answers or gives back what the dead worker held. */
void slot_settle(struct slot *s, const struct message *m);

#endif
