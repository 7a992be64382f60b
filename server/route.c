#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(el) ((el)->name = NULL)
#include "server/route.h"

#include "worker/module.h"
#include "worker/registry.h"

/* Any msgid of the size that tasks have for workers: see task.c. */
#define ROUTE_ANY_MSGID UINT32_MAX

struct route *
route_find(struct route *routes, const char *name, size_t len)
{
	const struct task_type *type;
	struct route *r;

	HASH_FIND(hh, routes, name, len, r);
	if (r != NULL)
		return r;
	type = registry_find(name, len); /* it may be a type's other name */
	if (type != NULL)
		HASH_FIND(hh, routes, type->name, strlen(type->name), r);
	return r;
}

void
route_configure(struct route *r, const struct task_config *config)
{
	r->max_queued = (uint32_t)config->max_queued;
	r->max_running = (uint32_t)config->max_running;
	r->timeout_ms = (uint32_t)config->timeout_ms;
	r->run_timeout_ms = (uint32_t)config->run_timeout_ms;
	r->queue_timeout_ms = (uint32_t)config->queue_timeout_ms;
	r->priority = (uint8_t)config->priority;
	r->spares_files = !config_task_sets_timeout(config);
	r->secret = (r->type->flags & TYPE_SECRET) != 0;
	r->extra = r->secret || r->timeout_ms != 0 ||
		   r->queue_timeout_ms != 0 || r->run_timeout_ms != 0;
}

int
route_add(struct route **routes, const struct task_config *config,
    struct pool *pool)
{
	const struct task_type *type = config->type;
	struct route *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -1;
	r->name = type->name;
	r->name_len = strlen(type->name);
	r->type = type;
	r->pool = pool;
	route_configure(r, config);
	r->index = registry_index(type);
	queue_init(&r->parked);
	lanes_init(&r->nobody);
	r->head_len = envelope_request(r->head, ROUTE_ANY_MSGID, r->name,
	    strlen(r->name), 2);
	HASH_ADD_KEYPTR(hh, *routes, type->name, strlen(type->name), r);
	if (r->name == NULL) {
		free(r);
		return -1;
	}
	return 0;
}

int
route_add_type(struct route **routes, const struct task_type *type,
    struct pool *pool)
{
	const struct task_config config = {
	    .type = type,
	    .priority = PRIORITY_NORMAL,
	    .timeout_ms = type->timeout_ms,
	};

	return route_add(routes, &config, pool);
}

void
route_unknown(struct fault *fault, const char *name, size_t len)
{
	const char *module = module_of(name, len);
	int n = (int)(len < LIMIT_METHOD_MAX ? len : LIMIT_METHOD_MAX);

	if (module == NULL)
		fault_set(fault, CODE_UNKNOWN_TASK, NULL,
		    "no task type \"%.*s\"; method types lists them", n, name);
	else
		fault_set(fault, CODE_UNSUPPORTED, NULL,
		    "task type \"%.*s\" comes with the module %s, which this "
		    "server has not loaded (morod --module %s)",
		    n, name, module, module);
}

void
route_free_all(struct route **routes)
{
	struct route *r = *routes, *next;

	HASH_CLEAR(hh, *routes);
	for (; r != NULL; r = next) {
		next = r->hh.next;
		for (int i = 0; i < PRIORITY_N; i++)
			free(r->series[i]);
		free(r);
	}
}
