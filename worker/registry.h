#ifndef MORO_WORKER_REGISTRY_H
#define MORO_WORKER_REGISTRY_H

/* The task types that there are: built in, and of modules. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/type.h"

/* The i-th type, or NULL past the last; the order never changes. */
const struct task_type *registry_at(size_t i);

/* The type of that name or alias, or NULL. */
const struct task_type *registry_find(const char *name, size_t len);

/*
 * Adds a type, which is borrowed for good. Returns 0, or -1 with a reason:
 * there is one of that name or alias, the type is not whole, or there are too
 * many.
 */
int registry_add(const struct task_type *type, char *why, size_t size);

/* The place of a type, for registry_at(). */
unsigned int registry_index(const struct task_type *type);

/* What a server has laid down for tasks of a type. */
struct registry_rules {
	const char *pool; /* the one that does them */
	const char *priority; /* of those that give none */
	uint32_t timeout_ms; /* these three, of those that give no limit; */
	uint32_t run_timeout_ms; /* 0: none */
	uint32_t queue_timeout_ms;
	uint32_t max_running; /* at once; 0: no limit */
	uint32_t max_queued; /* likewise, waiting */
};

/*
 * Packs a type as a map: type, alias, about, result, example, fields (an array
 * of maps: name, alias, takes, required, default, min, max, allowed, about,
 * fields), idempotent, softCancel and progress; with rules also pool and priority, and
 * those of timeout, runTimeout, queueTimeout, maxRunning and maxQueued that
 * there are.
 */
void registry_describe(const struct task_type *type,
    const struct registry_rules *rules, msgpack_packer *pk);

/*
 * Initialises every library that tasks use, in the master before it forks, so
 * that a worker opens nothing. Returns 0, or -1 with a message for the log in
 * *why.
 */
int registry_init(const char **why);

#endif
