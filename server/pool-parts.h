#ifndef MORO_SERVER_POOL_PARTS_H
#define MORO_SERVER_POOL_PARTS_H

/* What the files of the pool share with each other, and with nobody else. */

#include "server/pool.h"

/* Has a look taken in a while, if that is not to come already. */
void pool_watch(struct pool *p, struct deadline *look, uint64_t after_ms);

/* Puts a task that waits one priority higher, behind those of its client. */
void pool_lift(struct pool *p, struct task *t);

/* Lifts what has waited too long (--aging-ms), now and as long as any waits. */
void pool_age_init(struct pool *p);
void pool_age(struct pool *p);

#endif
