#ifndef MORO_SERVER_LIST_H
#define MORO_SERVER_LIST_H

/*
 * Finds unfinished tasks: those that workers have, those that wait, in the order
 * in which they will be done, and those that are delayed. Bounded, however many
 * there are.
 */

#include <stddef.h>
#include <stdint.h>

#include "server/dispatcher.h"
#include "server/task.h"

#define LIST_LIMIT_MAX 10000 /* tasks that are listed */
#define LIST_LOOKS_MAX 200000 /* tasks that are looked at */

/* Which tasks are wanted. */
struct list_filter {
	unsigned int states; /* bits, 1 << enum task_state */
	const struct route *route; /* NULL: of any type */
	uint64_t client; /* the connection's number; 0: of any */
	uint32_t limit; /* 1 to LIST_LIMIT_MAX */
};

/* Puts what is found into `out`, which has room for the limit. How many. */
uint32_t list_find(const struct dispatcher *d, const struct list_filter *f,
    const struct task **out);

#endif
