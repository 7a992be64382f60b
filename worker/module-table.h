#ifndef MORO_WORKER_MODULE_TABLE_H
#define MORO_WORKER_MODULE_TABLE_H

/*
 * The types of a module (worker/moro_module.h) as morod has its own: checked,
 * and copied with all their texts to memory that does not go with the module.
 */

#include <stddef.h>

#include <msgpack.h>

#include "worker/call.h"
#include "worker/moro_module.h"
#include "worker/type.h"

/* A piece of memory that is filled from its beginning, and never freed. */
struct module_arena {
	char *at;
	size_t used;
	size_t size;
};

/* Takes memory, zeroed. NULL: there is no room. */
void *module_arena_take(struct module_arena *arena, size_t size);

/* Gives back the pages that are not used: they count as the process's. */
void module_arena_trim(struct module_arena *arena);

/* A type of a module. */
struct module_type {
	struct task_type type; /* what the registry has; must be the first */
	const struct moro_type *own; /* NULL: the module is not loaded here */
	msgpack_object *fallbacks; /* of its fields, nil where there is none */
	const char *module; /* its name */
	const char *why; /* why `own` is NULL, when it should not be; or NULL */
};

/*
 * Makes the types of a module, *n of them, which stand in the arena. NULL with
 * a sentence in why: a type is not whole, or there is no room.
 */
struct module_type **module_table_make(const struct moro_module *module,
    struct module_arena *arena, size_t *n, char *why, size_t size);

#endif
