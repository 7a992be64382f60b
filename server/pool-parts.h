#ifndef MORO_SERVER_POOL_PARTS_H
#define MORO_SERVER_POOL_PARTS_H

/* What the files of the pool share with each other, and with nobody else. */

#include "server/pool.h"

/* Has a look taken in a while, if that is not to come already. */
void pool_watch(struct pool *p, struct deadline *look, uint64_t after_ms);

/* Puts a task that waits one priority higher, behind those of its client. */
void pool_lift(struct pool *p, struct task *t);

/* The parts of pool_new(). */
void pool_scale_init(struct pool *p);
void pool_recycle_init(struct pool *p);
void pool_breaker_init(struct pool *p);

/* Has a slot get a worker; NULL: all have one. */
struct slot *pool_want(struct pool *p);

/* Has the worker of a slot go, now: it has nothing to do, or is not there. */
void pool_retire(struct slot *s, const char *why);

/* pool_dispatch() where workers dial in. */
void pool_hand_over(struct pool *p);

/* Sends those away that dialled in and have reached a limit. */
void pool_send_away(struct pool *p, uint64_t now);

/* Why a worker is to be replaced, or NULL. */
const char *pool_recycle_reason(struct slot *s, uint64_t now);

/* Looks after workers that are to be replaced. */
void pool_recycle(struct pool *p);

/* Sees to it that the number of workers is looked at, while it may change. */
void pool_scale(struct pool *p);

/* Lifts what has waited too long (--aging-ms), now and as long as any waits. */
void pool_age_init(struct pool *p);
void pool_age(struct pool *p);

#endif
