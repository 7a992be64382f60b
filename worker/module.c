#include "worker/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limit.h"
#include "worker/module-probe.h"
#include "worker/module-put.h"
#include "worker/registry.h"

#define MODULE_SUFFIX ".so"
#define MODULE_ENVELOPE 4 /* values of an answer, its result aside */
#define MODULE_MEMORY ((size_t)1 << 20) /* of the types of one */

/* One that is known. */
struct known {
	char *path;
	char *settings; /* for its init() */
	dev_t dev; /* of its file: the same may have several paths */
	ino_t ino;
	bool preload;
	const struct moro_module *module; /* NULL: it is not loaded here */
	struct sandbox_needs needs; /* of its file as it was looked at */
	char *unready; /* why its init() failed then, or NULL */
	struct module_type **types; /* those in the registry */
	size_t n_types;
	char why[MODULE_REASON]; /* why it could not be loaded here, or "" */
};

static struct known module_known[MODULE_MAX];
static size_t module_n;

/* Families of types that a module of ours brings. */
static const struct {
	const char *family; /* with its colon */
	const char *module;
} module_families[] = {
    {"image:", "image"},
};

/* Says what is wrong with a module. Returns -1. */
static int
module_refuse(char why[MODULE_WHY], const char *path, const char *reason)
{
	snprintf(why, MODULE_WHY, "cannot load the module %s: %s", path,
	    reason);
	return -1;
}

/* Gives the path of a module that is named, or of one that is a path. */
static int
module_path(const char *name, char path[PATH_MAX], char why[MODULE_WHY])
{
	bool is_path = strchr(name, '/') != NULL;
	size_t len = strlen(name);
	int n = snprintf(path, PATH_MAX, "%s%s%s",
	    is_path ? "" : MORO_MODULE_DIR "/", name,
	    is_path ? "" : MODULE_SUFFIX);

	if (!is_path && len > strlen(MODULE_SUFFIX) &&
	    strcmp(name + len - strlen(MODULE_SUFFIX), MODULE_SUFFIX) == 0) {
		snprintf(why, MODULE_WHY,
		    "cannot load the module %s: a name is that of an installed "
		    "one, without " MODULE_SUFFIX "; a file here is ./%s",
		    name, name);
		return -1;
	}
	if (name[0] != '\0' && n < PATH_MAX)
		return 0;
	snprintf(why, MODULE_WHY, "%s",
	    name[0] == '\0' ? "a module's name is empty"
			    : "a module's path is too long");
	return -1;
}

/* The module with that file that is known already, or NULL. */
static struct known *
module_find(const struct stat *file)
{
	for (size_t i = 0; i < module_n; i++) {
		if (module_known[i].dev == file->st_dev &&
		    module_known[i].ino == file->st_ino)
			return &module_known[i];
	}
	return NULL;
}

/* Adds the types that were found to the registry. */
static int
module_register(struct known *m, const struct module_found *found,
    char why[MODULE_WHY])
{
	char reason[MODULE_REASON];

	m->types = found->types;
	for (; m->n_types < found->n_types; m->n_types++) {
		if (registry_add(&m->types[m->n_types]->type, reason,
			sizeof reason) == -1)
			return module_refuse(why, m->path, reason);
	}
	return 0;
}

/* Whether it is to be loaded in the master; *preload says so. */
static int
module_place(const char *path, enum module_place place,
    const struct module_found *found, bool *preload, char why[MODULE_WHY])
{
	*preload = place == MODULE_MASTER ||
		   (place == MODULE_AUTO && found->fork_clean);
	if (!*preload)
		return 0;
	if (!found->fork_clean)
		return module_refuse(why, path,
		    "preload = yes is for modules that say that they are "
		    "fork-clean (MORO_FORK_CLEAN), and this one does not");
	if (found->init_why[0] != '\0')
		return module_refuse(why, path, found->init_why);
	if (found->threads > 1)
		return module_refuse(why, path,
		    "it says that it is fork-clean, and has threads after "
		    "init(); with preload = no the workers load it");
	return 0;
}

/* Looks at a file that is not known, and makes it known. */
static int
module_learn(const char *path, const struct stat *file, enum module_place place,
    const char *settings, char why[MODULE_WHY])
{
	struct module_found found;
	struct known *m = &module_known[module_n];

	if (module_n == MODULE_MAX)
		return module_refuse(why, path, "there are too many modules");
	if (module_probe(path, settings, &found) == -1)
		return module_refuse(why, path, found.why);
	if (module_place(path, place, &found, &m->preload, why) == -1)
		return -1;
	m->path = strdup(path);
	m->settings = strdup(settings);
	if (found.init_why[0] != '\0')
		m->unready = strdup(found.init_why);
	if (m->path == NULL || m->settings == NULL)
		return module_refuse(why, path, "there is no memory");
	m->needs = found.needs;
	m->dev = file->st_dev;
	m->ino = file->st_ino;
	module_n++;
	return module_register(m, &found, why);
}

int
module_add(const char *name, enum module_place place, const char *settings,
    char why[MODULE_WHY])
{
	char path[PATH_MAX];
	struct stat file = {.st_dev = 0};

	if (module_path(name, path, why) == -1)
		return -1;
	/* of what is not there the loader tells more */
	if (stat(path, &file) == 0 && module_find(&file) != NULL)
		return 0;
	return module_learn(path, &file, place, settings, why);
}

/* The type of that name among those of the file as it is now, or NULL. */
static const struct module_type *
module_type_now(struct module_type *const *types, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(types[i]->type.name, name) == 0)
			return types[i];
	}
	return NULL;
}

/*
 * Has the types that are known done by the code that is loaded: by what the
 * file holds now, which need not be what it held when morod was started.
 */
static void
module_bind(struct known *m, struct module_type *const *types, size_t n)
{
	for (size_t i = 0; i < m->n_types; i++) {
		const struct module_type *now =
		    module_type_now(types, n, m->types[i]->type.name);

		if (now != NULL)
			*m->types[i] = *now;
		else
			m->types[i]->why = "its file has changed, and has it "
					   "no more; morod is to be restarted";
	}
}

/* Takes the types of a module that is loaded. Returns 0, or -1 with m->why. */
static int
module_take(struct known *m)
{
	struct module_arena arena = {.size = MODULE_MEMORY};
	struct module_type **types;
	size_t n;

	arena.at = mmap(NULL, arena.size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena.at == MAP_FAILED) {
		snprintf(m->why, sizeof m->why, "there is no memory");
		return -1;
	}
	types = module_table_make(m->module, &arena, &n, m->why, sizeof m->why);
	if (types == NULL) {
		munmap(arena.at, arena.size);
		return -1;
	}
	module_arena_trim(&arena);
	module_bind(m, types, n);
	return 0;
}

/* Loads the code of a module here. Returns 0, or -1 with m->why. */
static int
module_load(struct known *m)
{
	void *handle;

	m->module = module_open(m->path, &handle, m->why, sizeof m->why);
	if (m->module == NULL)
		return -1;
	if (module_take(m) == 0)
		return 0;
	dlclose(handle); /* it may need the memory that others lack then */
	return -1;
}

/* Loads a module here and makes it ready. Returns 0, or -1 with m->why. */
static int
module_start(struct known *m)
{
	int rc = module_load(m);

	if (rc == 0)
		rc = module_init(m->module, m->settings, m->why, sizeof m->why);
	fflush(stdout); /* or each process that is forked would write it, too */
	if (rc == 0)
		return 0;
	m->module = NULL;
	for (size_t i = 0; i < m->n_types; i++) {
		m->types[i]->own = NULL;
		m->types[i]->why = m->why;
	}
	return -1;
}

_Noreturn void
module_exit_others(int status)
{
	for (size_t i = 0; i < module_n; i++) {
		if (module_known[i].module == NULL)
			continue;
		fflush(NULL);
		_exit(status);
	}
	exit(status);
}

const struct sandbox_needs *
module_needs(size_t i, const char **path)
{
	if (i >= module_n)
		return NULL;
	*path = module_known[i].path;
	return &module_known[i].needs;
}

const char *
module_unready(size_t i)
{
	return module_known[i].unready;
}

int
module_preload(const char **why)
{
	static char said[MODULE_WHY];

	for (size_t i = 0; i < module_n; i++) {
		struct known *m = &module_known[i];

		if (!m->preload || m->module != NULL || module_start(m) == 0)
			continue;
		module_refuse(said, m->path, m->why);
		*why = said;
		return -1;
	}
	return 0;
}

void
module_before_fork(void)
{
	for (size_t i = 0; i < module_n; i++) {
		const struct moro_module *m = module_known[i].module;

		if (m != NULL && m->before_fork != NULL)
			m->before_fork();
	}
}

void
module_begin(uint32_t values)
{
	/* as the dispatcher has it for all answers: server/slot.c */
	if (values < LIMIT_VALUES_DEFAULT)
		values = LIMIT_VALUES_DEFAULT;
	module_put_limit(values - MODULE_ENVELOPE);
	for (size_t i = 0; i < module_n; i++) {
		struct known *m = &module_known[i];

		if (m->module == NULL && module_start(m) == -1)
			fprintf(stderr, "cannot load the module %s: %s\n",
			    m->path, m->why);
		else if (m->module->after_fork != NULL)
			m->module->after_fork();
	}
}

void
module_end(void)
{
	for (size_t i = module_n; i-- > 0;) {
		const struct moro_module *m = module_known[i].module;

		if (m != NULL && m->exit != NULL)
			m->exit();
	}
}

const char *
module_of(const char *type, size_t len)
{
	for (size_t i = 0;
	     i < sizeof module_families / sizeof module_families[0]; i++) {
		size_t n = strlen(module_families[i].family);

		if (len > n && memcmp(type, module_families[i].family, n) == 0)
			return module_families[i].module;
	}
	return NULL;
}
