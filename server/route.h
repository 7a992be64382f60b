#ifndef MORO_SERVER_ROUTE_H
#define MORO_SERVER_ROUTE_H

/* Which pool does tasks of a type. */

#include <stddef.h>

#include <uthash.h>

#include "worker/type.h"

struct pool;

struct route {
	UT_hash_handle hh; /* by name */
	const char *name; /* the type's */
	const struct task_type *type; /* what is known of it */
	struct pool *pool;
};

/*
 * Sends a type to a pool. Returns 0, or -1 when there is no memory. A name
 * that is there already is sent to the new pool.
 */
int route_add(struct route **routes, const struct task_type *type,
    struct pool *pool);

/* The route of a name, or NULL. */
struct route *route_find(struct route *routes, const char *name, size_t len);

void route_free_all(struct route **routes);

#endif
