#include "server/config-parts.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/options.h"
#include "server/config-keys.h"
#include "server/confine.h"
#include "server/program-types.h"
#include "worker/module.h"
#include "worker/registry.h"

#define CONFIG_ROOT_SOCKET "/run/moro/morod.sock"
#define CONFIG_USER_SOCKET "morod.sock"

/* CPUs that this process may use, less one for the dispatcher. */
static uint64_t
config_cpus(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	return n > 1 ? (uint64_t)n - 1 : 1;
}

const char *
config_task_name(const struct task_config *t)
{
	return t->type->name;
}

/* Sets the defaults that the table has for a section. */
int
config_fallbacks(const struct config_section *s, unsigned int where)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (e->where & where && e->fallback != NULL &&
		    config_section_set(s, e, e->fallback, FROM_DEFAULT, 0) ==
			-1)
			return -1;
	}
	return 0;
}

/* What a program offers is done by its pool. */
static int
config_init_pool(struct task_config *t)
{
	if (t->type->pool == NULL)
		return 0;
	free(t->pool);
	t->pool = strdup(t->type->pool);
	return t->pool != NULL ? 0 : -1;
}

/* Makes the tasks, one for each type, with what the type says itself. */
static int
config_init_tasks(struct config *config)
{
	const struct task_type *type;
	size_t n = 0;

	while (registry_at(n) != NULL)
		n++;
	config->tasks = calloc(n, sizeof *config->tasks);
	if (config->tasks == NULL)
		return -1;
	for (; (type = registry_at(config->n_tasks)) != NULL;
	     config->n_tasks++) {
		struct task_config *t = &config->tasks[config->n_tasks];
		struct config_section s = config_section_task(t);

		t->type = type;
		t->timeout_ms = type->timeout_ms;
		t->priority =
		    type->flags & TYPE_URGENT ? PRIORITY_HIGH : PRIORITY_NORMAL;
		if (config_fallbacks(&s, IN_TASK) == -1 ||
		    config_init_pool(t) == -1)
			return -1;
	}
	return 0;
}

struct module_config *
config_module(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_modules; i++) {
		if (strcmp(config->modules[i].name, name) == 0)
			return &config->modules[i];
	}
	return NULL;
}

struct module_config *
config_module_add(struct config *config, const char *name, size_t len)
{
	struct module_config *modules = reallocarray(config->modules,
	    config->n_modules + 1, sizeof *config->modules);
	struct module_config *m;
	struct config_section s;

	if (modules == NULL)
		return NULL;
	config->modules = modules;
	m = &modules[config->n_modules++];
	memset(m, 0, sizeof *m);
	memcpy(m->name, name, len);
	s = config_section_module(m);
	return config_fallbacks(&s, IN_MODULE) == 0 ? m : NULL;
}

struct pool_config *
config_pool_add(struct config *config, const char *name, size_t len)
{
	struct pool_config *pools = reallocarray(config->pools,
	    config->n_pools + 1, sizeof *config->pools);
	struct pool_config *p;

	if (pools == NULL)
		return NULL;
	config->pools = pools;
	p = &pools[config->n_pools++];
	memset(p, 0, sizeof *p);
	memcpy(p->name, name, len);
	return p;
}

int
config_init(struct config *config)
{
	struct config_section server = {IN_SERVER, config, config->origins};
	struct config_section pool = config_section_pool(&config->pool);

	memset(config, 0, sizeof *config);
	config->pool.workers.min = config->pool.workers.max = config_cpus();
	if (config_fallbacks(&pool, IN_POOL) == -1 ||
	    config_init_tasks(config) == -1)
		return -1;
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (e->where & IN_SERVER && !(e->where & IN_POOL) &&
		    e->fallback != NULL &&
		    config_section_set(&server, e, e->fallback, FROM_DEFAULT,
			0) == -1)
			return -1;
	}
	if (config_pool_add(config, CONFIG_POOL_DEFAULT,
		strlen(CONFIG_POOL_DEFAULT)) == NULL)
		return -1;
	return 0;
}

void
config_clear(struct config *config)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		struct config_section s = config_section_server(config, e);

		if (e->where & (IN_START | IN_SERVER))
			config_value_clear(config_section_value(&s, e), e);
	}
	for (size_t i = 0; i < config->n_pools; i++) {
		struct config_section s =
		    config_section_pool(&config->pools[i]);

		config_section_clear(&s);
	}
	for (size_t i = 0; i < config->n_tasks; i++) {
		struct config_section s =
		    config_section_task(&config->tasks[i]);

		config_section_clear(&s);
	}
	for (size_t i = 0; i < config->n_modules; i++) {
		struct config_section s =
		    config_section_module(&config->modules[i]);

		config_section_clear(&s);
	}
	for (size_t i = 0; i < config->n_keys; i++) {
		struct config_section s = config_section_key(&config->keys[i]);

		config_section_clear(&s);
	}
	for (int i = 0; i < config->argc; i++)
		free(config->argv[i]);
	free(config->argv);
	free(config->pipe);
	config_keys_close(config);
	free(config->pools);
	free(config->modules);
	free(config->keys);
	free(config->tasks);
	memset(config, 0, sizeof *config);
}

/* Finds a place for the socket when none was given. */
static int
config_socket(struct config *config, struct config_errors *errors)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0) {
		config->socket = strdup(CONFIG_ROOT_SOCKET);
		config->default_socket = true;
		return config->socket != NULL ? 0 : -1;
	}
	if (dir == NULL || dir[0] == '\0') {
		config_error(errors,
		    "--socket PATH is needed: neither MORO_SOCKET nor "
		    "XDG_RUNTIME_DIR is set");
		return -1;
	}
	n = asprintf(&config->socket, "%s/%s", dir, CONFIG_USER_SOCKET);
	if (n == -1) {
		config->socket = NULL;
		return -1;
	}
	if ((size_t)n < CONFIG_SOCKET_MAX)
		return 0;
	config_error(errors,
	    "XDG_RUNTIME_DIR and a socket's name there are longer than %zu "
	    "bytes; give --socket PATH",
	    CONFIG_SOCKET_MAX - 1);
	return -1;
}

/* Keeps a copy of the command line. */
static int
config_copy_arguments(struct config *config, int argc, char **argv)
{
	config->argv = calloc((size_t)argc + 1, sizeof *config->argv);
	if (config->argv == NULL)
		return -1;
	for (; config->argc < argc; config->argc++) {
		config->argv[config->argc] = strdup(argv[config->argc]);
		if (config->argv[config->argc] == NULL)
			return -1;
	}
	return 0;
}

int
config_read(struct config *config, int argc, char **argv,
    const struct config *before, struct config_errors *errors)
{
	const char *path;
	bool bad;

	if (config_init(config) == -1 ||
	    config_copy_arguments(config, argc, argv) == -1) {
		config_error(errors, "out of memory");
		return -1;
	}
	if (config_args_read(config, errors) == -1)
		return -1;
	if (config->help || config->version || config->print_default)
		return 0;
	path = config->file != NULL ? config->file : CONFIG_FILE;
	bad = config_load(config, path, config->file != NULL, before, errors) ==
	      -1;
	/* also of a file with wrong values all is said at once */
	if (config_settle(config, errors) == -1 || bad)
		return -1;
	if (config->socket != NULL || config->check)
		return 0;
	return config_socket(config, errors);
}

/* Makes the modules of a list known. Returns 0, or -1 after saying why. */
static int
config_load_list(const char *list, struct config_errors *errors)
{
	char name[PATH_MAX], why[MODULE_WHY];

	for (;;) {
		size_t blanks = strspn(list, " \t");
		size_t len = strcspn(list + blanks, ",");

		list += blanks;
		snprintf(name, sizeof name, "%.*s", (int)len, list);
		if (module_add(name, MODULE_AUTO, "", why) == -1) {
			config_error(errors, "%s", why);
			return -1;
		}
		if (list[len] == '\0')
			return 0;
		list += len + 1;
	}
}

/* Whether workers can be let open the paths of a key. */
static bool
config_can_open(const struct module_config *m, const char *key,
    const char *list, struct config_errors *errors)
{
	const struct option_entry *e = config_table_find(key, IN_MODULE);
	char path[PATH_MAX];
	const char *flaw = NULL;

	if (list != NULL)
		flaw = confine_flaw(list, path, sizeof path);
	if (flaw != NULL)
		config_error_at(errors, m->origins[e - config_table].line,
		    "%s takes absolute paths of what is there, not \"%s\" (%s)",
		    key, path, flaw);
	return flaw == NULL;
}

/* The same for the module that a section is about. */
static int
config_load_module(const struct module_config *m, struct config_errors *errors)
{
	char why[MODULE_WHY];

	if (!config_can_open(m, "reads", m->reads, errors) ||
	    !config_can_open(m, "writes", m->writes, errors))
		return -1;
	if (module_add(m->path != NULL ? m->path : m->name,
		(enum module_place)m->preload,
		m->settings != NULL ? m->settings : "", why) == 0)
		return 0;
	config_error_at(errors, m->line, "%s", why);
	return -1;
}

/*
 * Makes the types of modules and programs known. Modules with a section come
 * first: it says more. Returns 0, or -1 after saying all that is wrong.
 */
static int
config_load_types(const struct config *config, struct config_errors *errors)
{
	char why[MODULE_WHY];
	int rc = 0;

	for (size_t i = 0; i < config->n_modules; i++) {
		if (config_load_module(&config->modules[i], errors) == -1)
			rc = -1;
	}
	if (config->module != NULL &&
	    config_load_list(config->module, errors) == -1)
		rc = -1;
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct pool_config *p = &config->pools[i];

		if (p->types == NULL ||
		    program_types_add(p, why, MODULE_WHY) == 0)
			continue;
		config_error(errors, "%s", why);
		rc = -1;
	}
	return rc;
}

/* Whether there are types that are not known yet. */
static bool
config_brings_types(const struct config *config)
{
	if (config->help || config->version)
		return false;
	for (size_t i = 0; i < config->n_pools; i++) {
		if (config->pools[i].types != NULL)
			return true;
	}
	return config->module != NULL || config->n_modules > 0;
}

/*
 * Modules and programs bring task types, which sections of the file may be
 * about: so where there are any, they are loaded, and all is read again.
 */
static int
config_read_again(struct config *config, int argc, char **argv,
    struct config_errors *errors)
{
	struct config before = *config;
	int rc = 0;

	if (config_brings_types(&before)) {
		errors->path = before.file != NULL ? before.file : CONFIG_FILE;
		rc = config_load_types(&before, errors);
	}
	memset(config, 0, sizeof *config);
	errors->types_come = false;
	if (rc == 0)
		rc = config_read(config, argc, argv, &before, errors);
	config_clear(&before);
	return rc;
}

int
config_parse(struct config *config, int argc, char **argv)
{
	struct config_errors errors = {.prefix = "morod: ", .types_come = true};
	char *said = NULL;
	size_t len = 0;
	bool brings, again;
	int rc;

	errors.out = open_memstream(&said, &len);
	rc = config_read(config, argc, argv, NULL, &errors);
	brings = config_brings_types(config);
	/* what is wrong elsewhere is mended first: modules are not tried then */
	again = brings ? rc == 0 : errors.n_types > 0;
	if (errors.out != NULL)
		fclose(errors.out);
	errors.out = stderr;
	if (again)
		rc = config_read_again(config, argc, argv, &errors);
	else if (said != NULL)
		fwrite(said, 1, len, stderr);
	free(said);
	if (rc == 0 && !config->help && !config->version &&
	    !config->print_default && !config->print)
		rc = config_keys_try(config, &errors);
	return rc;
}

int
config_parse_text(struct config *config, const char *name, const char *text,
    size_t len, FILE *out)
{
	struct config_errors errors = {
	    .out = out,
	    .prefix = "",
	    .path = name,
	};

	if (config_init(config) == 0 &&
	    config_file_read(config, text, len, &errors) == 0 &&
	    config_settle(config, &errors) == 0)
		return 0;
	config_clear(config);
	return -1;
}

struct pool_config *
config_pool(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		if (strcmp(config->pools[i].name, name) == 0)
			return &config->pools[i];
	}
	return NULL;
}

bool
config_task_sets_timeout(const struct task_config *t)
{
	const struct option_entry *e = config_table_find("timeout", IN_TASK);

	return t->origins[e - config_table].from != FROM_DEFAULT;
}

uint32_t
config_slots(const struct config *config)
{
	uint32_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].slots;
	return n;
}

const struct pool_config *
config_slot_pool(const struct config *config, uint32_t slot)
{
	const struct pool_config *p = config->pools;

	while (slot >= p->slots) {
		slot -= p->slots;
		p++;
	}
	return p;
}

struct limits
config_limits(const struct config *config)
{
	struct limits limits = {
	    .frame = (size_t)config->max_frame,
	    .depth = (uint32_t)config->max_depth,
	    .values = (uint32_t)config->max_values,
	    .method = (uint32_t)config->max_method,
	};

	return limits;
}
