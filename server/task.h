#ifndef MORO_SERVER_TASK_H
#define MORO_SERVER_TASK_H

/*
 * The record of one request to run something, from its acceptance to its
 * answer, and the slab that the records live in. What happens to a task is
 * decided in server/life.h.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/options.h"
#include "proto/page.h"
#include "server/chunk.h"
#include "server/deadline.h"
#include "server/fdset.h"

struct batch;
struct client;
struct progress;
struct route;
struct slot;

enum task_state {
	TASK_NEW, /* being made */
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_DELAYED, /* waits to be run again, after a pause */
	TASK_GATHERING, /* a batch, whose members are such tasks */
	TASK_ANSWERED, /* on its way back to the slab */
	TASK_STATES,
};

#define TASK_INDEX_BITS 22
#define TASK_GENERATION_MASK ((1u << (32 - TASK_INDEX_BITS)) - 1)
#define TASK_INLINE 72 /* bytes of data kept in the record itself */
#define TASK_LINE 64 /* bytes of a line of the processor's cache */

/* Where a task's data is. */
enum task_place {
	TASK_IN_RECORD,
	TASK_IN_MEMORY, /* of its own */
	TASK_IN_CHUNK, /* in place, in what was read */
};

/* Who does not want a task any more. */
enum life_cancel {
	CANCEL_NONE, /* it is wanted */
	CANCEL_CLIENT, /* by method cancel */
	CANCEL_ADMIN, /* by method cancel, for another's task */
	CANCEL_SHUTDOWN,
	CANCEL_GONE, /* the client left */
	CANCEL_TIMEOUT, /* a limit struck, which its client was told */
	CANCEL_N,
};

/* What only some tasks have; kept apart, because a million may wait. */
struct task_extra {
	struct deadline deadline; /* the next of its limits to strike */
	struct task_id *id; /* option `id`, or NULL */
	struct fdset *fdset; /* descriptors that came with it, or NULL */
	uint64_t due; /* ms: when `timeout` strikes; UINT64_MAX: never */
	uint64_t queue_due; /* likewise, while it is not begun */
	uint64_t run_due; /* likewise, while RUNNING; DELAYED: the pause ends */
	uint32_t timeout_ms; /* these three, 0: no limit */
	uint32_t run_timeout_ms;
	uint32_t queue_timeout_ms;
	uint32_t result_fd; /* of fdset, for the result; or INFO_NO_FD */
	uint32_t cancel_grace_ms; /* valid with has_grace */
	struct progress *progress; /* NULL: nobody wants to hear of it */
	struct batch *batch; /* GATHERING; else NULL */
	struct task *head; /* of a member: it answers to; or NULL: to nobody */
	uint32_t element; /* of that one's array; these two valid with head */
	uint32_t place; /* among those of its members that there are */
	struct retry retry; /* valid with has_retry */
	uint8_t cancelled; /* enum life_cancel: it was asked to stop */
	bool secret; /* its type is: nothing of it stays in memory */
	bool has_grace;
	bool has_retry;
	bool has_idempotent; /* the option was given, which is: */
	bool idempotent;
};

/*
 * Three lines of the cache: what handling it needs in the first two, and the
 * data behind that.
 */
struct task {
	TAILQ_ENTRY(task) link; /* in a queue, or in a slot's run list */
	TAILQ_ENTRY(task) client_link; /* while client is not NULL */
	struct task *msgid_next; /* in the msgid table, or unused ones */
	struct task *ahead; /* a hint, maybe wrong: see task_prefetch() */
	struct client *client; /* NULL: nobody waits for an answer */
	struct route *route; /* its type */
	struct slot *slot; /* while RUNNING */
	struct task_extra *extra; /* limits and name, or NULL */
	uint64_t msgid;
	uint32_t number; /* handed to its slot as its nth: proto/page.h */
	uint32_t cost_ns; /* while RUNNING: what it was expected to take */
	uint32_t data_len;
	uint32_t index; /* in the slab; never changes */
	uint32_t queued_us; /* when it came to wait; see task_queued_us() */
	uint16_t queued_us_high;
	uint16_t generation; /* counts the uses of the record */
	uint8_t state; /* enum task_state */
	uint8_t priority; /* enum priority */
	uint8_t returns; /* times it came back from a dead worker, not begun */
	uint8_t place; /* enum task_place */
	uint8_t size; /* class of its data's: see page_size_class() */
	uint8_t n_fds; /* descriptors that came with it */
	bool notify : 1; /* fire-and-forget */
	bool counts : 1; /* RUNNING: cost_ns is part of its slot's held_ns */
	bool parked : 1; /* QUEUED: waits with its type, see pool_take() */
	bool was_parked : 1;
	bool unparked : 1; /* QUEUED: counted in its route's n_unparked */
	bool member : 1; /* of a batch: no request of its own */
	uint8_t
	    lifted : 2; /* by how much its priority is above the given one */
	uint8_t
	    attempt; /* times that a worker's death cost it a run, and one */
	union {
		uint8_t bytes[TASK_INLINE];
		struct {
			const uint8_t *at;
			struct chunk *chunk; /* TASK_IN_CHUNK */
			/* In the slab's list of fresh ones, if `fresh`. */
			LIST_ENTRY(task) link;
			bool fresh;
		} far;
	} data;
};

TAILQ_HEAD(task_list, task);

struct task_slab;

struct task_slab *task_slab_new(void);
void task_slab_free(struct task_slab *slab);

/* Takes an empty record in state TASK_NEW; NULL: no memory or 2^22 in use. */
struct task *task_new(struct task_slab *slab);

/* Gives a record back, with its data, overwritten if its type says so. */
void task_free(struct task_slab *slab, struct task *t);

/* Records in use. */
uint32_t task_slab_used(const struct task_slab *slab);

/*
 * The number by which a worker knows the task, and the task of a number:
 * NULL when it is not in use any more.
 */
static inline uint32_t
task_wire_number(const struct task *t)
{
	return (t->generation & TASK_GENERATION_MASK) << TASK_INDEX_BITS |
	       t->index;
}

struct task *task_find(struct task_slab *slab, uint64_t number);

/* The priority that its caller gave it; it may have been lifted since. */
static inline unsigned int
task_given_priority(const struct task *t)
{
	return (unsigned int)t->priority + t->lifted;
}

/* Whether it is a request that its client waits for by its msgid. */
static inline bool
task_is_request(const struct task *t)
{
	return !t->notify && !t->member;
}

/* When it came to wait, in the us of loop_now_us(), which 48 bits hold. */
static inline uint64_t
task_queued_us(const struct task *t)
{
	return (uint64_t)t->queued_us_high << 32 | t->queued_us;
}

static inline void
task_set_queued_us(struct task *t, uint64_t us)
{
	t->queued_us = (uint32_t)us;
	t->queued_us_high = (uint16_t)(us >> 32);
}

/*
 * Keeps the data for the task: inside the record, as a copy, or by a
 * reference to the chunk it stands in. Returns 0, or -1: no memory.
 */
int task_keep_data(struct task_slab *slab, struct task *t, const uint8_t *data,
    size_t len, struct chunk *chunk);

/*
 * A task that has to wait gives back the chunk that it shares with others: a
 * few bytes must not keep 256 KiB. Without memory for a copy it keeps it.
 */
void task_settle(struct task *t);

/* The same for those that came in this turn and are queued at its end. */
void task_settle_fresh(struct task_slab *slab);

/*
 * Has a record's lines fetched that will be needed soon: thousands of records
 * are under way, and a third of the time would go to waiting for them. Which
 * one comes some tasks later a list does not say without touching those
 * between; `ahead` does, unless it has left its place meanwhile: then the wrong
 * one is fetched, which costs nothing. Records are not freed before the slab.
 * NULL is allowed.
 */
static inline void
task_prefetch(const struct task *t)
{
	/* as a number: NULL is fetched, too, and is no place to count from */
	uintptr_t at = (uintptr_t)t;

	__builtin_prefetch((const void *)at, 1);
	__builtin_prefetch((const void *)(at + TASK_LINE), 1);
	__builtin_prefetch((const void *)(at + 2 * TASK_LINE), 1);
}

/* The data, header included; valid until the task is freed. */
static inline const uint8_t *
task_data(const struct task *t)
{
	return t->place == TASK_IN_RECORD ? t->data.bytes : t->data.far.at;
}

/*
 * Bytes that it counts for among those that wait: a member of a batch has none
 * of its own, they are its head's.
 */
static inline uint32_t
task_own_bytes(const struct task *t)
{
	return t->member ? 0 : t->data_len;
}

/* Gives the task its extra part, zeroed. Returns 0, or -1: no memory. */
int task_add_extra(struct task_slab *slab, struct task *t);

/* Gives a task with an extra part descriptors, which become its own. */
void task_attach(struct task *t, struct fdset *fdset);

/* "queued", for stats and logs. */
const char *task_state_name(enum task_state state);

#endif
