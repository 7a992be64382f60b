#ifndef MORO_SERVER_POOL_H
#define MORO_SERVER_POOL_H

/*
 * A set of equal workers and the queue before them. A worker is handed a task
 * when it is free, or when all that it holds takes so little time that nobody
 * sees it (--prefetch-us).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "server/config.h"
#include "server/queue.h"
#include "server/slot.h"

struct client;
struct dispatcher;
struct route;

/* How many workers it has, and why. */
struct scale {
	uint32_t min, max; /* bounds now */
	uint32_t target; /* workers wanted now */
	uint32_t busy_peak; /* most that were busy at once, since: */
	uint64_t since; /* ms */
	uint64_t
	    shrunk_ms; /* when it went down last, if it did not go up since */
	uint32_t patience; /* times that a worker must be idle to be too many */
	uint64_t grown, shrunk; /* steps */
	struct deadline tick; /* set while the number may change */
};

enum pool_state {
	POOL_UP,
	POOL_DOWN, /* its workers die: tasks are answered at once */
	POOL_HALF_OPEN, /* one task is tried */
};

#define BREAKER_DEATHS 1024 /* that are kept */

struct breaker {
	enum pool_state state;
	uint64_t *deaths; /* when: ms, oldest first; owned, or NULL */
	uint32_t n_deaths;
	uint64_t pause_ms; /* the last one; doubles */
	const struct slot *trial; /* HALF_OPEN: has the one task, or NULL */
	uint32_t generation; /* of its worker */
	struct deadline retry; /* set while DOWN */
};

struct pool {
	TAILQ_ENTRY(pool) link;
	struct dispatcher *dispatcher;
	uint32_t index; /* among the pools */
	const struct pool_config *config; /* borrowed */
	struct queue queue;
	struct lanes nobody; /* there: tasks whose client is gone */
	uint32_t n_parked; /* tasks of types that may run no more now */
	bool paused; /* nothing is handed out */
	bool pressed; /* over the high mark, and not below the low one since */
	uint32_t n_ordinary; /* slots that hold tasks of other priorities */
	struct deadline aging; /* set while tasks wait that may be lifted */
	uint64_t
	    seen_ms[PRIORITY_N]; /* when a task of it came last; 0: never */
	uint64_t mixed_ms; /* until then the pool counts as mixed */
	uint32_t first; /* number of its first slot; all pools stand in a row */
	uint32_t n_slots; /* as many as it may have workers */
	struct slot *slots;
	struct slot_list open; /* may be handed tasks; the idle ones first */
	uint32_t n_open;
	struct deadline check; /* set while a worker holds more than one task */
	struct deadline late; /* set while one may not have begun its task */
	uint32_t look_next; /* the slot that stats looks at next */
	uint32_t n_busy; /* slots that hold a task */
	uint32_t n_top; /* slots beyond it never had a worker */
	bool programs; /* its workers are programs, not morod's own */
	bool served; /* likewise, and they dial in: morod starts none */
	bool lame; /* nobody waits for its workers to get ready */
	bool attention; /* see pool_tend(), at the end of the turn */
	struct scale scale;
	struct breaker breaker;
	struct slot *old; /* is to be replaced, if fresh is not NULL */
	uint32_t old_generation; /* of the worker that is meant */
	const char *old_why; /* why the old one is replaced; static */
	struct slot *fresh; /* its replacement, not ready yet */
	uint64_t recycled; /* workers that were replaced */
	struct deadline nudge; /* set while there is something to tell again */
	struct deadline recycling; /* set while one will reach its age */
	uint64_t run_us; /* moving average of a task's run time */
	struct task_list delayed; /* to be run again, after a pause */
	uint32_t n_delayed;
};

TAILQ_HEAD(pool_list, pool);

/*
 * Makes a pool of empty slots, of which the first has the number `first`.
 * The configuration is borrowed. NULL: no memory.
 */
struct pool *pool_new(struct dispatcher *d, const struct pool_config *config,
    uint32_t first);

/* Frees the pool; its slots must be empty, its queue too. */
void pool_free(struct pool *p);

/* Hands waiting tasks to free workers. */
void pool_dispatch(struct pool *p);

/*
 * A client is about to send tasks to the pool: makes its place in the queue.
 * Returns 0, or -1: no memory.
 */
int pool_prepare(struct pool *p, struct client *c);

/* Frees the places of a client that has no task any more. */
void pool_leave(struct client *c);

/*
 * Adds a task to those that wait. When priorities mix, batches are kept short
 * for a while: who is first in the queue must not wait behind a long one.
 */
void pool_add(struct pool *p, struct task *t);

/* Puts it before all others of its priority. */
void pool_add_first(struct pool *p, struct task *t);

/*
 * Takes the next task to run, of the priorities down to `lowest`; those whose
 * type may run no more now are parked on the way. NULL: there is none.
 */
struct task *pool_take(struct pool *p, enum priority lowest);

/* Takes a task that waits out of the middle. */
void pool_remove(struct pool *p, struct task *t);

/* Its client leaves, and it goes on waiting. */
void pool_orphan(struct pool *p, struct task *t);

/* Puts parked tasks whose type may run more of them back in front. */
void pool_unpark(struct pool *p);

/* Keeps a task for later, out of the queue; takes it back. */
void pool_delay(struct pool *p, struct task *t);
void pool_undelay(struct pool *p, struct task *t);

/* Tasks that wait, parked ones too. */
static inline uint32_t
pool_waiting(const struct pool *p)
{
	return queue_size(&p->queue) + p->n_parked;
}

/* Whether tasks of different priorities have come lately. */
bool pool_is_mixed(const struct pool *p);

/* Whether one more task may wait. */
bool pool_has_room(const struct pool *p);

/* Workers that have answered and live; tasks that run. */
uint32_t pool_workers(const struct pool *p);
uint32_t pool_running(const struct pool *p);

/* Whether as many workers have answered as it has at least. */
bool pool_is_whole(const struct pool *p);

/*
 * Looks after its workers, when p->attention is set: has those go that are not
 * needed or replaced, has others come, and tells the master.
 */
void pool_tend(struct pool *p);

/* The same is to be done again in a moment: the master could not be told. */
void pool_tend_soon(struct pool *p);

/* Sets how many workers it may have; 1 <= min <= max <= n_slots. */
void pool_set_bounds(struct pool *p, uint32_t min, uint32_t max);

/* A slot has a new worker: sets when it is replaced. */
void pool_worker_born(struct slot *s);

/* A slot's worker died, with what it held given back: is the pool broken? */
void pool_worker_died(struct pool *p, const struct slot *s);

/* A worker has done a task while the pool was not UP: it is. */
void pool_mend(struct pool *p);

/* While HALF_OPEN: the one task was handed to s; whether it is still there. */
void pool_try(struct pool *p, struct slot *s);
bool pool_is_on_trial(const struct pool *p);

/* While DOWN: answers all that wait. */
void pool_refuse_all(struct pool *p);

/* What a task is answered while the pool is DOWN. */
void pool_down_fault(const struct pool *p, struct fault *fault);

/* "up", "down", "half-open" or "paused". */
const char *pool_state_name(const struct pool *p);

/* The next of the tasks that have not begun, also parked and delayed; or NULL. */
struct task *pool_first(const struct pool *p);

/* Whether answers count for when workers are replaced. */
bool pool_recycles(const struct pool *p);

/*
 * The slot for one more worker that dials in, which is to have it now. NULL: as
 * many as may be are there.
 */
struct slot *pool_seat(struct pool *p);

/* That worker is not there, or is no more. */
void pool_unseat(struct slot *s);

/* Whether tasks that come with files may go to it: see server/PROGRAMS.md. */
bool pool_takes_files(const struct pool *p);

/* Has all workers replaced, one after the other. */
void pool_renew(struct pool *p);

/* The same, but none of them is handed one more task. */
void pool_renew_at_once(struct pool *p);

/* Notes how long a task ran, for pool_retry_after_ms(). */
void pool_note_run(struct pool *p, uint64_t us);

/* When a refused task may find room, by what tasks took of late. */
uint64_t pool_retry_after_ms(const struct pool *p);

#endif
