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
#include "server/task.h"

struct pool;

enum slot_state {
	SLOT_EMPTY, /* no worker */
	SLOT_STARTING, /* it has not answered yet */
	SLOT_IDLE,
	SLOT_BUSY,
	SLOT_DYING, /* killed by us, or its socket ended; not reaped yet */
	SLOT_STATES,
};

struct slot {
	TAILQ_ENTRY(slot) link; /* in pool->idle while IDLE */
	struct pool *pool;
	uint32_t number; /* from 0 */
	enum slot_state state;
	struct slot_link *worker; /* NULL while EMPTY */
	struct task_list running; /* tasks it holds, oldest first */
	uint32_t n_running;
	uint64_t handed; /* tasks handed to this worker */
	uint64_t begun_ms; /* when the task that runs was handed */
	char cause[96]; /* what it did wrong, or "" */
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
	int pidfd;
	const struct page *page; /* untrusted */
};

void slot_init(struct slot *s, struct pool *p, uint32_t number);

/*
 * Takes a new worker with its descriptors (all become the slot's, also on
 * failure). Returns 0 or -1.
 */
int slot_spawned(struct slot *s, const struct message *m,
    const int fds[SPAWNED_FDS]);

/* The master has reaped the worker: answers or gives back what it held. */
void slot_reaped(struct slot *s, const struct message *m);

/* Whether its worker says that it has begun a task that it was handed. */
bool slot_has_begun(const struct slot *s, const struct task *t);

/* Takes an answered task away from it; it is free for the next one. */
void slot_release(struct slot *s, struct task *t);

/* Hands a task to an idle worker. */
void slot_hand(struct slot *s, struct task *t);

/*
 * Kills the worker, on purpose. The tasks it holds are given back or answered
 * when it is dead; the one that caused it was answered before.
 */
void slot_kill(struct slot *s);

/* Forgets the worker at the end of the process. */
void slot_clear(struct slot *s);

/* "idle", for stats and logs. */
const char *slot_state_name(enum slot_state state);

#endif
