/* Reads the configuration again, and says what cannot change while it runs. */
#include "server/config-parts.h"

#include <stdlib.h>
#include <string.h>

/* Says that a value stays as it was. */
static void
reload_say(struct config_errors *errors, const struct config_section *old,
    const struct config_section *new, const struct option_entry *e)
{
	struct config_origin *origin = config_section_origin(new, e);
	char place[CONFIG_VALUE], value[CONFIG_VALUE];

	config_value_text(config_section_value(old, e), e, value, sizeof value);
	if (origin->from == FROM_FILE) {
		config_error_at(errors, origin->line,
		    "%s needs a restart, keeps %s", e->name, value);
		return;
	}
	config_error_origin(errors, e, origin, place, sizeof place);
	config_error(errors, "%s needs a restart, keeps %s", place, value);
}

/* Keeps the old value of a key that needs a restart. */
static void
reload_keep(struct config_errors *errors, const struct config_section *old,
    const struct config_section *new, const struct option_entry *e)
{
	void *is = config_section_value(new, e);
	const void *was = config_section_value(old, e);

	if (e->live || config_value_equal(was, is, e))
		return;
	reload_say(errors, old, new, e);
	config_value_copy(is, was, e);
	*config_section_origin(new, e) = *config_section_origin(old, e);
}

static void
reload_keep_all(struct config_errors *errors, const struct config_section *old,
    const struct config_section *new)
{
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & new->where)
			reload_keep(errors, old, new, &config_table[i]);
	}
}

static void
reload_server(struct config *old, struct config *new,
    struct config_errors *errors)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		struct config_section a = config_section_server(old, e);
		struct config_section b = config_section_server(new, e);

		if (e->where & IN_SERVER)
			reload_keep(errors, &a, &b, e);
	}
	new->default_socket = old->default_socket;
}

/* Copies a pool with all that it owns. */
static void
reload_copy_pool(struct pool_config *to, struct pool_config *from)
{
	struct config_section a = config_section_pool(to);
	struct config_section b = config_section_pool(from);

	memset(to, 0, sizeof *to);
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (e->where & IN_POOL)
			config_value_copy(config_section_value(&a, e),
			    config_section_value(&b, e), e);
	}
	memcpy(to->name, from->name, sizeof to->name);
	to->slots = from->slots;
	memcpy(to->origins, from->origins, sizeof to->origins);
	to->line = from->line;
}

/* Takes pools that were not there before out of the new configuration. */
static void
reload_drop_pools(const struct config *old, struct config *new,
    struct config_errors *errors)
{
	size_t n = 0;

	for (size_t i = 0; i < new->n_pools; i++) {
		struct pool_config *p = &new->pools[i];
		struct config_section s = config_section_pool(p);

		if (config_pool(old, p->name) != NULL) {
			if (n++ != i)
				new->pools[n - 1] = *p;
			continue;
		}
		config_error_at(errors, p->line,
		    "a new pool (%s) needs a restart, and is left out",
		    p->name);
		config_section_clear(&s);
	}
	new->n_pools = n;
}

/* Swaps the new pools into the order of the old ones. */
static int
reload_pools(struct config *old, struct config *new,
    struct config_errors *errors)
{
	reload_drop_pools(old, new, errors);
	for (size_t i = 0; i < old->n_pools; i++) {
		struct pool_config *was = &old->pools[i], swap;
		struct pool_config *is = config_pool(new, was->name);
		struct config_section a, b;

		if (is == NULL) {
			config_error(errors,
			    "%s: pool %s needs a restart to go, and stays",
			    errors->path, was->name);
			is = config_pool_add(new, "", 0);
			if (is == NULL)
				return -1;
			reload_copy_pool(is, was);
		}
		is->slots = was->slots;
		swap = new->pools[i];
		new->pools[i] = *is;
		*is = swap;
		a = config_section_pool(was);
		b = config_section_pool(&new->pools[i]);
		reload_keep_all(errors, &a, &b);
	}
	return 0;
}

/* Takes modules that were not there before out of the new configuration. */
static void
reload_drop_modules(const struct config *old, struct config *new,
    struct config_errors *errors)
{
	size_t n = 0;

	for (size_t i = 0; i < new->n_modules; i++) {
		struct module_config *m = &new->modules[i];
		struct config_section s = config_section_module(m);

		if (config_module(old, m->name) != NULL) {
			if (n++ != i)
				new->modules[n - 1] = *m;
			continue;
		}
		config_error_at(errors, m->line,
		    "a new module (%s) needs a restart, and is left out",
		    m->name);
		config_section_clear(&s);
	}
	new->n_modules = n;
}

/* Keeps the old modules, and all that was said of them. */
static int
reload_modules(struct config *old, struct config *new,
    struct config_errors *errors)
{
	struct module_config *modules = old->modules;

	reload_drop_modules(old, new, errors);
	for (size_t i = 0; i < old->n_modules; i++) {
		struct module_config *is = config_module(new, modules[i].name);
		struct config_section a, b;

		if (is == NULL) {
			config_error(errors,
			    "%s: module %s needs a restart to go, and stays",
			    errors->path, modules[i].name);
			is = config_module_add(new, modules[i].name,
			    strlen(modules[i].name));
		}
		if (is == NULL)
			return -1;
		a = config_section_module(&modules[i]);
		b = config_section_module(is);
		is->line = is->line != 0 ? is->line : modules[i].line;
		reload_keep_all(errors, &a, &b);
	}
	return 0;
}

static void
reload_tasks(struct config *old, struct config *new,
    struct config_errors *errors)
{
	for (size_t i = 0; i < old->n_tasks; i++) {
		struct config_section a = config_section_task(&old->tasks[i]);
		struct config_section b = config_section_task(&new->tasks[i]);

		reload_keep_all(errors, &a, &b);
	}
}

int
config_reload(const struct config *running, struct config *new, FILE *out)
{
	/* a section is a place to write to as well, and is read here alone */
	struct config *old = (struct config *)(uintptr_t)running;
	struct config_errors errors = {
	    .out = out,
	    .prefix = "",
	    .path = running->file != NULL ? running->file : CONFIG_FILE,
	};

	if (config_read(new, running->argc, running->argv, old, &errors) == 0) {
		reload_server(old, new, &errors);
		if (reload_pools(old, new, &errors) == 0 &&
		    reload_modules(old, new, &errors) == 0) {
			reload_tasks(old, new, &errors);
			if (config_settle(new, &errors) == 0 &&
			    config_keys_try(new, &errors) == 0)
				return 0;
		} else {
			config_error(&errors, "out of memory");
		}
	}
	config_clear(new);
	return -1;
}
