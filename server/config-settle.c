#include "server/config-parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/words.h"
#include "server/users.h"
#include "worker/registry.h"
#include "worker/type.h"

#define SETTLE_WORKERS_MAX 1024 /* of all pools */
#define SETTLE_SLOTS 4 /* times the most workers */
#define SETTLE_SLOTS_MIN 64
#define SETTLE_NAME 1024 /* of a place: a path and a line */

/*
 * Whether a pool's own value stands. What was given on the command line or in
 * the environment is meant for the default pool, too.
 */
static bool
settle_is_own(const struct pool_config *p, const struct config_origin *own,
    const struct config_origin *server)
{
	if (own->from != FROM_FILE)
		return false;
	return strcmp(p->name, CONFIG_POOL_DEFAULT) != 0 ||
	       server->from < FROM_ENVIRONMENT;
}

/* Gives a pool what it does not say itself. */
static void
settle_pool(struct config *config, struct pool_config *p)
{
	struct config_section own = config_section_pool(p);
	struct config_section server = config_section_pool(&config->pool);

	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		struct config_origin *origin, *from;

		if (!(e->where & IN_POOL))
			continue;
		origin = config_section_origin(&own, e);
		from = config_section_origin(&server, e);
		if (settle_is_own(p, origin, from))
			continue;
		config_value_copy(config_section_value(&own, e),
		    config_section_value(&server, e), e);
		*origin = *from;
		if (from->from == FROM_FILE)
			origin->from = FROM_SERVER;
	}
}

/* Where a value of a pool was said, for a message. */
static void
settle_place(const struct config_errors *errors, struct pool_config *p,
    const char *key, char *out, size_t size)
{
	const struct option_entry *e = config_table_find(key, IN_POOL);
	struct config_section s = config_section_pool(p);
	struct config_origin origin = *config_section_origin(&s, e);

	if (origin.from == FROM_SERVER)
		origin.from = FROM_FILE;
	config_error_origin(errors, e, &origin, out, size);
}

/* What a pool keeps for high priority is less than all. */
static void
settle_reserve(struct pool_config *p, struct config_errors *errors)
{
	char place[SETTLE_NAME];

	if (p->reserve < p->workers.min)
		return;
	settle_place(errors, p, "reserve", place, sizeof place);
	config_error(errors,
	    "%s: reserve takes fewer than the workers of pool %s, which has "
	    "%" PRIu64 ", not %" PRIu64,
	    place, p->name, p->workers.min, p->reserve);
}

static void
settle_workers(struct config *config, struct config_errors *errors)
{
	uint32_t n = 0;
	char place[SETTLE_NAME];

	for (size_t i = 0; i < config->n_pools; i++) {
		struct pool_config *p = &config->pools[i];

		n += (uint32_t)p->workers.max;
		if (n <= SETTLE_WORKERS_MAX)
			continue;
		settle_place(errors, p, "workers", place, sizeof place);
		config_error(errors,
		    "%s: all pools together take at most %d workers, and with "
		    "pool %s they have %" PRIu32,
		    place, SETTLE_WORKERS_MAX, p->name, n);
		return;
	}
}

/*
 * The slots of a pool stay as they are at its start: some more than it has
 * workers, for those that replace others, and for who asks for more later.
 */
static void
settle_slots(struct pool_config *p)
{
	uint32_t n = (uint32_t)p->workers.max * SETTLE_SLOTS;

	if (p->slots != 0)
		return;
	p->slots = (n > SETTLE_SLOTS_MIN ? n : SETTLE_SLOTS_MIN) + 1;
}

/* A reload may ask for more workers than there are slots for. */
static void
settle_bounds(struct pool_config *p, struct config_errors *errors)
{
	char place[SETTLE_NAME];

	if (p->slots == 0 || p->workers.max < p->slots)
		return;
	settle_place(errors, p, "workers", place, sizeof place);
	config_error(errors,
	    "%s: pool %s takes up to %" PRIu32 " workers without a restart, "
	    "not %" PRIu64,
	    place, p->name, p->slots - 1, p->workers.max);
}

/* Says of a pool's key what is wrong with it. */
static void
settle_refuse(struct pool_config *p, struct config_errors *errors,
    const char *key, const char *why)
{
	char place[SETTLE_NAME];

	settle_place(errors, p, key, place, sizeof place);
	config_error(errors, "%s: %s %s", place, key, why);
}

/* Whether the file says this of the pool itself. */
static bool
settle_is_said(struct pool_config *p, const char *key)
{
	const struct option_entry *e = config_table_find(key, IN_POOL);
	struct config_section s = config_section_pool(p);

	return config_section_origin(&s, e)->from == FROM_FILE;
}

/* Whether a key has the value that it has by default: it changes nothing. */
static bool
settle_is_default(struct pool_config *p, const struct option_entry *e)
{
	struct config_section s = config_section_pool(p);
	char value[CONFIG_VALUE];

	config_value_text(config_section_value(&s, e), e, value, sizeof value);
	return e->fallback != NULL && strcmp(value, e->fallback) == 0;
}

/* The pool that runs the built-in tasks runs nothing else. */
static void
settle_not_default(struct pool_config *p, struct config_errors *errors,
    const char *key)
{
	if (strcmp(p->name, CONFIG_POOL_DEFAULT) == 0)
		settle_refuse(p, errors, key,
		    "is for another pool: the default one runs the built-in "
		    "tasks");
}

/* What programs that dial in say is so, and what morod does to its own is not. */
static void
settle_guests(struct pool_config *p, struct config_errors *errors)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (e->ours && settle_is_said(p, e->name) &&
		    !settle_is_default(p, e))
			settle_refuse(p, errors, e->name,
			    "is not for a pool with serve: morod does not "
			    "start its workers");
	}
	/* what [morod] says is for others */
	p->reserve = p->recycle_rss = p->breaker_deaths = 0;
	p->worker_memory = p->worker_cpu_ms = p->worker_files = 0;
	/* nobody is waited for: it has as many as come */
	p->workers.min = p->workers.max;
}

/* Puts numbers in the place of names. False: there is none of a name. */
static bool
settle_names(char **list, char *why, size_t size)
{
	char *numbers = users_resolve(*list, why, size);

	if (numbers == NULL)
		return false;
	free(*list);
	*list = numbers;
	return true;
}

/* Who may dial in is a user that there is; the pool has no other workers. */
static void
settle_serve(struct pool_config *p, struct config_errors *errors)
{
	char why[CONFIG_VALUE];

	if (p->serve == NULL)
		return;
	settle_not_default(p, errors, "serve");
	if (p->command != NULL || p->exec != NULL)
		settle_refuse(p, errors, "serve",
		    "is instead of a command or exec, and the pool has one");
	settle_guests(p, errors);
	if (!settle_names(&p->serve, why, sizeof why))
		settle_refuse(p, errors, "serve", why);
}

/* The same for who may do what. */
static void
settle_server_users(struct config *config, const char *key, char **list,
    struct config_errors *errors)
{
	const struct option_entry *e = config_table_find(key, IN_SERVER);
	struct config_section s = config_section_server(config, e);
	char why[CONFIG_VALUE], place[SETTLE_NAME];

	if (settle_names(list, why, sizeof why))
		return;
	config_error_origin(errors, e, config_section_origin(&s, e), place,
	    sizeof place);
	config_error(errors, "%s: %s %s", place, key, why);
}

/* The same for tasks of a type. */
static void
settle_task_users(struct task_config *t, const char *key, char **list,
    struct config_errors *errors)
{
	const struct option_entry *e = config_table_find(key, IN_TASK);
	struct config_section s = config_section_task(t);
	char why[CONFIG_VALUE];

	if (*list != NULL && !settle_names(list, why, sizeof why))
		config_error_at(errors, config_section_origin(&s, e)->line,
		    "%s of %s %s", key, config_task_name(t), why);
}

/* The socket's group is there. */
static void
settle_group(struct config *config, struct config_errors *errors)
{
	const struct option_entry *e =
	    config_table_find("socket-group", IN_SERVER);
	struct config_section s = config_section_server(config, e);
	char place[SETTLE_NAME], *number;
	gid_t group;

	if (config->socket_group == NULL)
		return;
	config_error_origin(errors, e, config_section_origin(&s, e), place,
	    sizeof place);
	if (!users_group(config->socket_group, &group)) {
		config_error(errors,
		    "%s: socket-group takes the name or number of a group, and "
		    "there is no group %s",
		    place, config->socket_group);
		return;
	}
	if (asprintf(&number, "%u", (unsigned int)group) == -1) {
		config_error(errors, "out of memory");
		return;
	}
	free(config->socket_group);
	config->socket_group = number;
}

/* A program that is run for each task has types, and is not resident as well. */
static void
settle_exec(struct pool_config *p, struct config_errors *errors)
{
	if (p->exec == NULL) {
		if (p->types != NULL && p->command == NULL && p->serve == NULL)
			settle_refuse(p, errors, "types",
			    "goes with a command, exec or serve, and the pool "
			    "has none");
		return;
	}
	if (p->command != NULL)
		settle_refuse(p, errors, "exec",
		    "is instead of a command, and the pool has one");
	if (p->types == NULL)
		settle_refuse(p, errors, "exec",
		    "needs types, which the pool does not name");
	settle_not_default(p, errors, "exec");
}

/* What belongs to programs goes with a program, and what cannot does not. */
static void
settle_program(struct pool_config *p, struct config_errors *errors)
{
	if (p->command == NULL) {
		for (size_t i = 0; i < config_table_n; i++) {
			const struct option_entry *e = &config_table[i];

			if (e->program && settle_is_said(p, e->name) &&
			    !settle_is_default(p, e))
				settle_refuse(p, errors, e->name,
				    "goes with a command, and the pool has "
				    "none");
		}
		return;
	}
	settle_not_default(p, errors, "command");
	if (!settle_is_said(p, "worker-cpu"))
		p->worker_cpu_ms = 0; /* what [morod] says is for others */
	if (p->worker_cpu_ms != 0)
		settle_refuse(p, errors, "worker-cpu",
		    "is not for a pool with a command: the kernel counts the "
		    "time of all its tasks");
}

/* Whether a pool does the types of its program, and no others. */
static bool
settle_runs_program(const struct pool_config *p)
{
	return p->command != NULL || p->exec != NULL || p->serve != NULL;
}

/* What a program offers is done by it, and nothing else. */
static void
settle_task_pool(const struct config *config, struct task_config *t,
    struct config_errors *errors)
{
	const struct option_entry *e = config_table_find("pool", IN_TASK);
	struct config_section s = config_section_task(t);
	unsigned int line = config_section_origin(&s, e)->line;
	const char *own = t->type->pool;

	if (line == 0)
		return;
	if (own != NULL && strcmp(t->pool, own) != 0)
		config_error_at(errors, line,
		    "%s is done by the program of pool %s, and by no other",
		    config_task_name(t), own);
	if (own == NULL && settle_runs_program(config_pool(config, t->pool)))
		config_error_at(errors, line,
		    "pool %s runs a program, which does not offer %s", t->pool,
		    config_task_name(t));
}

/* A type's pool must be there. */
static void
settle_task(const struct config *config, struct task_config *t,
    struct config_errors *errors)
{
	const struct option_entry *e = config_table_find("pool", IN_TASK);
	struct config_section s = config_section_task(t);
	char hint[CONFIG_VALUE];
	struct config_near near;

	if (config_pool(config, t->pool) != NULL) {
		settle_task_pool(config, t, errors);
		return;
	}
	/* of a file that is read again: the program's pool needs a restart to go */
	if (t->type->pool != NULL && config_section_origin(&s, e)->line == 0)
		return;
	config_near_init(&near, t->pool);
	for (size_t i = 0; i < config->n_pools; i++)
		config_near_try(&near, config->pools[i].name);
	config_near_hint(&near, hint, sizeof hint);
	config_error_at(errors, config_section_origin(&s, e)->line,
	    "no pool \"%s\" for %s%s", t->pool, config_task_name(t), hint);
}

/* The queue has emptied at less than what it is full at. */
static void
settle_marks(struct config *config, struct config_errors *errors)
{
	const struct option_entry *e =
	    config_table_find("queue-low-mark", IN_SERVER);
	struct config_section s = config_section_server(config, e);
	char place[SETTLE_NAME];

	if (config->queue_low_mark < config->queue_high_mark)
		return;
	config_error_origin(errors, e, config_section_origin(&s, e), place,
	    sizeof place);
	config_error(errors,
	    "%s: queue-low-mark takes less than queue-high-mark, which is "
	    "%" PRIu64 ", not %" PRIu64,
	    place, config->queue_high_mark, config->queue_low_mark);
}

/* Whether there is a type of that name that takes keys. */
static bool
settle_takes_keys(const char *name, size_t len)
{
	const struct task_type *type = registry_find(name, len);

	for (const struct field *f = type != NULL ? type->fields : NULL;
	     f != NULL && f->name != NULL; f++) {
		if (f->named && strlen(type->name) == len &&
		    memcmp(type->name, name, len) == 0)
			return true;
	}
	return false;
}

/* A key has a file, and is for types that there are. */
static void
settle_key(const struct key_config *k, struct config_errors *errors)
{
	const char *list = k->types != NULL ? k->types : "", *type;
	size_t len;

	if (k->file == NULL)
		config_error_at(errors, k->line,
		    "key %s needs a file, which its section does not name",
		    k->name);
	while ((type = words_next(&list, &len)) != NULL) {
		if (!settle_takes_keys(type, len))
			config_error_at(errors, k->line,
			    "types of key %s takes task types that take keys, "
			    "and %.*s is none",
			    k->name, (int)len, type);
	}
}

/* What is required is there. */
static void
settle_sandbox(struct config *config, struct config_errors *errors)
{
	const struct option_entry *e = config_table_find("sandbox", IN_SERVER);
	struct config_section s = config_section_server(config, e);
	char place[SETTLE_NAME];

	if (config->sandbox || !config->require_sandbox)
		return;
	config_error_origin(errors, e, config_section_origin(&s, e), place,
	    sizeof place);
	config_error(errors,
	    "%s: sandbox takes yes where require-sandbox is yes, not no",
	    place);
}

int
config_settle(struct config *config, struct config_errors *errors)
{
	unsigned int before = errors->n;

	for (size_t i = 0; i < config->n_pools; i++) {
		settle_pool(config, &config->pools[i]);
		settle_serve(&config->pools[i], errors);
		settle_reserve(&config->pools[i], errors);
		settle_bounds(&config->pools[i], errors);
		settle_slots(&config->pools[i]);
		settle_program(&config->pools[i], errors);
		settle_exec(&config->pools[i], errors);
	}
	settle_workers(config, errors);
	settle_marks(config, errors);
	settle_sandbox(config, errors);
	settle_group(config, errors);
	settle_server_users(config, "submit", &config->submit, errors);
	settle_server_users(config, "admin", &config->admin, errors);
	for (size_t i = 0; i < config->n_tasks; i++) {
		struct task_config *t = &config->tasks[i];

		settle_task(config, t, errors);
		settle_task_users(t, "allow", &t->allow, errors);
		settle_task_users(t, "deny", &t->deny, errors);
	}
	for (size_t i = 0; i < config->n_keys; i++)
		settle_key(&config->keys[i], errors);
	return errors->n > before ? -1 : 0;
}
