/* a group that found no memory in the table says so with the length */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(el) ((el)->key_len = UINT32_MAX)

#include "worker/tasks/analytics-groups.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <uthash.h>

#include "worker/tasks/analytics-scalar.h"

struct analytics_group {
	UT_hash_handle hh;
	uint64_t events;
	uint32_t key_len;
	const uint8_t *key; /* behind the cells */
	struct analytics_cell cells[];
};

/* Keys are anybody's: without it they could be chosen to meet in one place. */
static uint8_t groups_secret[crypto_shorthash_KEYBYTES];

void
analytics_groups_init_secret(void)
{
	crypto_shorthash_keygen(groups_secret);
}

void
analytics_groups_clear(struct analytics_groups *g)
{
	HASH_CLEAR(hh, g->table);
}

int
analytics_groups_key_add(struct call *call, struct analytics_key *key,
    const msgpack_object *value)
{
	size_t size = analytics_scalar_size(value);

	if (size == 0)
		return 1;
	if (size > sizeof key->bytes - key->len)
		return call_too_large(call, "key of a group",
		    ANALYTICS_KEY_MAX);
	analytics_scalar_write(value, key->bytes + key->len);
	key->len += size;
	return 0;
}

/* Makes a group. */
static struct analytics_group *
groups_new(struct analytics_groups *g, const struct analytics_key *key)
{
	size_t cells = g->n_cells * sizeof(struct analytics_cell);
	struct analytics_group *group =
	    analytics_memory_take(g->memory, sizeof *group + cells + key->len);
	uint8_t *place;

	if (group == NULL)
		return NULL;
	place = (uint8_t *)group->cells + cells;
	memcpy(place, key->bytes, key->len);
	group->key = place;
	group->key_len = (uint32_t)key->len;
	return group;
}

/* Adds a group to the table. */
static struct analytics_group *
groups_add(struct analytics_groups *g, const struct analytics_key *key,
    unsigned int hash)
{
	struct call *call = g->memory->call;
	struct analytics_group *group;

	if (g->n == ANALYTICS_GROUPS_MAX) {
		call_fail(call, CODE_TOO_LARGE, "there are more than %d groups",
		    ANALYTICS_GROUPS_MAX);
		fault_add_number(&call->fault, "limit", ANALYTICS_GROUPS_MAX);
		return NULL;
	}
	group = groups_new(g, key);
	if (group == NULL)
		return NULL;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, g->table, group->key, group->key_len,
	    hash, group);
	if (group->key_len == UINT32_MAX) {
		call_no_memory(call);
		return NULL;
	}
	g->n++;
	return group;
}

struct analytics_group *
analytics_groups_find(struct analytics_groups *g,
    const struct analytics_key *key)
{
	uint8_t hash[crypto_shorthash_BYTES];
	struct analytics_group *group;
	unsigned int value;

	crypto_shorthash(hash, key->bytes, key->len, groups_secret);
	memcpy(&value, hash, sizeof value);
	HASH_FIND_BYHASHVALUE(hh, g->table, key->bytes, key->len, value, group);
	return group != NULL ? group : groups_add(g, key, value);
}

void
analytics_groups_count(struct analytics_group *group, uint64_t events)
{
	group->events += events;
}

uint64_t
analytics_groups_events(const struct analytics_group *group)
{
	return group->events;
}

const uint8_t *
analytics_groups_key(const struct analytics_group *group)
{
	return group->key;
}

struct analytics_cell *
analytics_groups_cells(struct analytics_group *group)
{
	return group->cells;
}

/* Compares two keys value by value; both have as many. */
static int
groups_compare(const void *a, const void *b)
{
	const struct analytics_group *x = *(struct analytics_group *const *)a;
	const struct analytics_group *y = *(struct analytics_group *const *)b;
	const uint8_t *in_x = x->key, *in_y = y->key;
	int order = 0;

	while (order == 0 && in_x < x->key + x->key_len)
		order = analytics_scalar_compare(&in_x, &in_y);
	return order;
}

struct analytics_group **
analytics_groups_sort(struct analytics_groups *g)
{
	struct analytics_group **all, *group, *next;
	size_t n = 0;

	all = analytics_memory_take(g->memory, g->n * sizeof(void *));
	if (all == NULL)
		return NULL;
	HASH_ITER(hh, g->table, group, next)
	all[n++] = group;
	qsort(all, n, sizeof(void *), groups_compare);
	return all;
}
