#ifndef MORO_SERVER_SLOT_H
#define MORO_SERVER_SLOT_H

/*
 * The dispatcher's view of one worker: its socket, its process, the page it
 * shares, and the tasks it holds. Its death is two facts in either order, the
 * end of the socket and the master's word that the process is reaped; what it
 * wrote before is read first.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "proto/page.h"
#include "server/channel.h"
#include "server/conn.h"
#include "server/deadline.h"
#include "server/obituary.h"
#include "server/tail.h"
#include "server/task.h"
#include "server/usage.h"

struct client;
struct pool;

enum slot_state {
	SLOT_EMPTY, /* no worker */
	SLOT_STARTING, /* it has not answered yet */
	SLOT_IDLE,
	SLOT_BUSY,
	SLOT_DYING, /* killed by us, or its socket ended; not reaped yet */
	SLOT_STATES,
};

/* When the worker that is there is to be replaced. */
struct recycle {
	uint64_t tasks; /* when it has done so many; 0: never */
	uint64_t age_ms; /* at that age; 0: never */
	uint64_t looked_ms; /* when its size was looked at last */
	uint64_t looked_tasks; /* what the slot had done by then */
	bool large; /* it was too large then */
	bool outdated; /* the configuration has changed since it came */
};

struct slot {
	TAILQ_ENTRY(slot) link; /* in pool->open while `open` */
	struct pool *pool;
	uint32_t number; /* from 0, of all pools' */
	enum slot_state state;
	struct slot_link *worker; /* NULL while EMPTY */
	struct task_list running; /* tasks it holds, oldest first */
	uint32_t n_running;
	uint32_t n_ordinary; /* of them, those of no high priority */
	bool open; /* may be handed a task */
	bool wanted; /* it is to have a worker */
	bool told; /* the last that the master was told of that */
	bool leaving; /* handed nothing more; goes when it has finished */
	const char *leaves_for; /* why; static */
	struct recycle recycle;
	bool stuck; /* one task takes long: it is handed nothing behind it */
	/*
	 * The last answer that was taken from its page: nothing is handed to it
	 * until it has sent that one itself. 0: none.
	 */
	uint32_t awaits;
	uint32_t handed; /* tasks handed to this worker: proto/page.h */
	uint32_t checked; /* the task that was begun last at slot_check() */
	uint64_t checked_ms; /* and when that was */
	uint64_t held_ns; /* expected run time of what it has not begun */
	struct task
	    *next; /* the first that was not seen to be begun, or NULL */
	uint64_t held_bytes; /* their data */
	uint32_t held_fds; /* their descriptors */
	size_t unsent; /* bytes for it at the last look, and since when so */
	uint64_t unsent_ms;
	uint64_t begun_ms; /* when the first of them could begin */
	const struct task *answering; /* its answer is being taken, or NULL */
	uint64_t took; /* what that one ran, 1/16 us */
	struct usage usage; /* of the worker, as it was then: */
	uint64_t usage_ms; /* 0: not known */
	char cause[144]; /* what it did wrong, or "" */
	uint64_t tasks_done; /* by all workers of the slot */
	uint32_t restarts; /* deaths that nobody wanted */
};

TAILQ_HEAD(slot_list, slot);

/* One worker's descriptors. It lives on until its socket is closed. */
struct slot_link {
	struct conn conn;
	struct slot *slot; /* NULL when the slot has forgotten it */
	uint32_t generation;
	pid_t pid;
	int pidfd; /* -1: it dialled in, and is not morod's to signal */
	struct page *page; /* what it says is not trusted */
	struct tail tail; /* what it prints */
	struct obituary obituary;
	struct deadline ready; /* of a program: set while it has not answered */
	uint64_t offers; /* of one that dialled in: its types, by index */
	uint64_t handed_us; /* of a program: when its task was handed over */
	bool was_ready; /* it has said that it is */
	bool killed; /* on purpose, by slot_kill() */
	bool executed; /* likewise, and the master knows */
	bool blamed; /* it died of a task that had killed one before */
	bool limited; /* it died of a limit that its task had struck */
};

void slot_init(struct slot *s, struct pool *p, uint32_t number);

/*
 * Takes a new worker with its descriptors (all become the slot's, also on
 * failure). Returns 0 or -1.
 */
int slot_spawned(struct slot *s, const struct message *m,
    const int fds[SPAWNED_FDS]);

/*
 * Has a client be the slot's worker from now on, which does the types whose
 * bits are set: its connection becomes the slot's, and the client is closed.
 * Returns 0, or -1 with errno: nothing has changed.
 */
int slot_serve(struct slot *s, struct client *c, uint64_t offers);

/* In place of a status: a worker that dialled in is gone. */
#define SLOT_LEFT (-1)

/* The master has reaped the worker: answers or gives back what it held. */
void slot_reaped(struct slot *s, const struct message *m);

/* Whether its worker says that it has begun a task that it was handed. */
bool slot_has_begun(const struct slot *s, const struct task *t);

/*
 * Looks how far a worker has got that may be handed nothing: what is begun
 * counts no longer, so that the next ones are there when it is through.
 */
void slot_progress(struct slot *s);

/* Takes an answered task away from it; it is free for the next one. */
void slot_release(struct slot *s, struct task *t);

/*
 * Hands tasks that wait, of the priorities down to `lowest`, to an open slot: as
 * many as fit its time, and at most `most`. Returns how many.
 */
uint32_t slot_fill(struct slot *s, enum priority lowest, uint32_t most);

/*
 * Looks after a worker that holds more than one task: when it does not get on
 * as it should, its tasks take longer than expected. Then it keeps that
 * one alone, and answers that wait behind it are taken from its page.
 */
void slot_check(struct slot *s);

/*
 * Looks after a worker that has not begun what it was handed: it may be stopped,
 * or get no CPU. After a while that goes back, if another worker can have it.
 * Returns whether that is worth another look.
 */
bool slot_check_late(struct slot *s);
#define SLOT_LATE_MS 50 /* so long, and between two looks */

/* All others that may be handed tasks come before it. */
void slot_put_last(struct slot *s);

/*
 * Has the worker begin nothing more: what it has not begun goes back to the
 * queue, and what it has finished is answered.
 */
void slot_halt(struct slot *s);

/*
 * The answer to a task that it holds is not wanted any more. Takes back what
 * it has not begun, and the answers that are finished: t may be queued or
 * gone afterwards. Returns true when it runs t now, and can only be killed.
 */
bool slot_stop(struct slot *s, const struct task *t);

/* Has its worker be handed nothing more. why is kept, not copied. */
void slot_leave(struct slot *s, const char *why);

/* Asks a task that it runs to stop by itself. */
void slot_ask(struct slot *s, const struct task *t);

/*
 * Kills the worker, on purpose. The tasks it holds are given back or answered
 * when it is dead; the one that caused it was answered before.
 */
void slot_kill(struct slot *s);

/*
 * Has a worker go that does nothing, and is not needed any more: it ends by
 * itself, within a moment. The master must know.
 */
void slot_see_off(struct slot *s);

/*
 * At the end of the process: tells the worker to end, and then waits until
 * `until` (ms) for its last words.
 */
void slot_dismiss(struct slot *s);
void slot_last_words(struct slot *s, uint64_t until);

/* Does what slot_kill() could not, because the master's channel was full. */
void slot_execute(struct slot *s);

/* Forgets the worker at the end of the process. */
void slot_clear(struct slot *s);

/* "idle", for stats and logs. */
const char *slot_state_name(enum slot_state state);

#endif
