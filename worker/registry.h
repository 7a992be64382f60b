#ifndef MORO_WORKER_REGISTRY_H
#define MORO_WORKER_REGISTRY_H

/* The task types that are built in. */

#include <stdbool.h>
#include <stddef.h>

#include <msgpack.h>

#include "worker/type.h"

/* The i-th type, or NULL past the last; the order never changes. */
const struct task_type *registry_at(size_t i);

/* The type of that name, or NULL. */
const struct task_type *registry_find(const char *name, size_t len);

/* The place of a built-in type, for registry_at(). */
unsigned int registry_index(const struct task_type *type);

/*
 * Packs a type as a map: type, about, result, example, fields (an array of
 * maps: name, alias, takes, required, default, min, max, allowed, about,
 * fields), and idempotent.
 */
void registry_describe(const struct task_type *type, msgpack_packer *pk);

/*
 * Initialises every library that tasks use, in the master before it forks, so
 * that a worker opens nothing. Returns 0, or -1 with a message for the log in
 * *why.
 */
int registry_init(const char **why);

#endif
