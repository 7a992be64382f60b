#ifndef MORO_SERVER_ROUTE_H
#define MORO_SERVER_ROUTE_H

/* Which pool does tasks of a type, and what holds for them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "proto/envelope.h"
#include "proto/fault.h"
#include "proto/limit.h"
#include "proto/options.h"
#include "proto/page.h"
#include "server/config.h"
#include "server/queue.h"
#include "worker/type.h"

struct pool;
struct series;

/* Why no task of a type is handed out; or-ed together. */
enum route_hold {
	ROUTE_PAUSED = 1 << 0, /* somebody said so */
	ROUTE_NOT_HERE = 1 << 1, /* not done by whom tasks are looked for */
};

struct route {
	UT_hash_handle hh; /* by name */
	const char *name; /* the type's */
	size_t name_len;
	const struct task_type *type; /* what is known of it */
	struct pool *pool;
	uint32_t n_queued; /* tasks of it that wait */
	uint32_t max_queued; /* this and the next, 0: no limit of its own */
	uint32_t max_running;
	uint32_t timeout_ms; /* these three, of tasks that give no limit: */
	uint32_t run_timeout_ms; /* 0: none */
	uint32_t queue_timeout_ms;
	uint8_t priority; /* of tasks that give none: enum priority */
	bool spares_files; /* timeout_ms is not for tasks with files */
	bool secret; /* data or results are secrets */
	bool extra; /* its tasks have a struct task_extra */
	unsigned int index; /* of the type, in the registry */
	uint32_t n_running; /* in the hands of workers */
	uint8_t
	    holds; /* enum route_hold: while any is set none is handed out */
	/* in the pool's queue, that were parked before, by priority */
	uint32_t n_unparked[PRIORITY_N];
	struct queue parked; /* that wait because of these two */
	struct lanes nobody; /* there: tasks whose client is gone */
	/* What a task takes, by its data's size, ns; 0: not known. */
	uint32_t run_ns[PAGE_SIZES];
	struct series *series[PRIORITY_N]; /* NULL: there were none yet */
	/* What a task's message to a worker begins with, up to its data. */
	uint8_t head[ENVELOPE_HEAD_MAX + LIMIT_METHOD_MAX];
	size_t head_len;
};

/* Sends a type that has no route yet to a pool. Returns 0, or -1: no memory. */
int route_add(struct route **routes, const struct task_config *config,
    struct pool *pool);

/* The same for a type of which no configuration tells. */
int route_add_type(struct route **routes, const struct task_type *type,
    struct pool *pool);

/* Takes limits and defaults of a type as they are configured now. */
void route_configure(struct route *r, const struct task_config *config);

/* Has tasks of a type handed out no more for a reason, or not for that one. */
static inline void
route_set_hold(struct route *r, enum route_hold why, bool on)
{
	if (on)
		r->holds |= (uint8_t)why;
	else
		r->holds &= (uint8_t)~why;
}

/* Whether one more task of the type may run. */
static inline bool
route_is_open(const struct route *r)
{
	return r->holds == 0 &&
	       (r->max_running == 0 || r->n_running < r->max_running);
}

/* The route of a type's name or alias, or NULL. */
struct route *route_find(struct route *routes, const char *name, size_t len);

/* The fault of a type that nobody offers. */
void route_unknown(struct fault *fault, const char *name, size_t len);

void route_free_all(struct route **routes);

#endif
