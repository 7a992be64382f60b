#ifndef MORO_TASKS_ANALYTICS_GROUPS_H
#define MORO_TASKS_ANALYTICS_GROUPS_H

/* The groups of one task, found by their keys. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tasks/analytics-memory.h"
#include "worker/tasks/analytics-request.h"
#include "worker/tasks/analytics-state.h"

#define ANALYTICS_GROUPS_MAX 100000
#define ANALYTICS_KEY_MAX 1024 /* bytes of a group's key, as it is written */

struct analytics_group;

/* A key under construction: values of scalars, one behind the other. */
struct analytics_key {
	size_t len;
	uint8_t bytes[ANALYTICS_KEY_MAX];
};

struct analytics_groups {
	struct analytics_memory *memory;
	unsigned int n_cells; /* of a group */
	struct analytics_group *table;
	size_t n;
};

/* Chooses the secret of the table's hash. */
void analytics_groups_init_secret(void);

/* Frees the table; the groups are their memory's. */
void analytics_groups_clear(struct analytics_groups *g);

/*
 * Appends a value. Returns 0; 1: it is no value for a key; or -1 with the error
 * set: the key is too long.
 */
int analytics_groups_key_add(struct call *call, struct analytics_key *key,
    const msgpack_object *value);

/*
 * The group of a key, which is there from then on, and its cells; NULL with
 * the error set.
 */
struct analytics_group *analytics_groups_find(struct analytics_groups *g,
    const struct analytics_key *key);

/* Adds so many events to a group. */
void analytics_groups_count(struct analytics_group *group, uint64_t events);

uint64_t analytics_groups_events(const struct analytics_group *group);
const uint8_t *analytics_groups_key(const struct analytics_group *group);
struct analytics_cell *analytics_groups_cells(struct analytics_group *group);

/*
 * All groups in the order of their keys, in memory of theirs; NULL with the
 * error set, or when there are none.
 */
struct analytics_group **analytics_groups_sort(struct analytics_groups *g);

#endif
