#include "worker/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "worker/registry.h"

#define MODULE_MAX 16 /* modules that may be loaded */
#define MODULE_REASON 256 /* bytes of what is said behind the path */
#define MODULE_SYMBOL "moro_module"

static const struct module *module_loaded[MODULE_MAX];
static size_t module_n;

/* Families of types that a module of ours brings. */
static const struct {
	const char *family; /* with its colon */
	const char *module;
} module_families[] = {
    {"image:", "image"},
};

/* Gives the path of a module that is named, or of one that is a path. */
static int
module_path(const char *name, size_t len, char path[PATH_MAX],
    char why[MODULE_WHY])
{
	bool is_path = memchr(name, '/', len) != NULL;
	int n = snprintf(path, PATH_MAX, "%s%.*s%s",
	    is_path ? "" : MORO_MODULE_DIR "/", (int)len, name,
	    is_path ? "" : ".so");

	if (len > 0 && n < PATH_MAX)
		return 0;
	snprintf(why, MODULE_WHY, "%s",
	    len == 0 ? "a module's name is empty"
		     : "a module's path is too long");
	return -1;
}

/* Whether it is there already: the same path was given twice. */
static bool
module_is_loaded(const struct module *module)
{
	for (size_t i = 0; i < module_n; i++) {
		if (module_loaded[i] == module)
			return true;
	}
	return false;
}

/* Refuses a module by its path. */
static int
module_refuse(char why[MODULE_WHY], const char *path, const char *reason)
{
	snprintf(why, MODULE_WHY, "cannot load the module %s: %s", path,
	    reason);
	return -1;
}

/* Adds the types of a module to the registry. */
static int
module_add(const struct module *module, const char *path, char why[MODULE_WHY])
{
	char reason[MODULE_REASON];

	for (size_t i = 0; module->types[i] != NULL; i++) {
		if (registry_add(module->types[i], reason, sizeof reason) == -1)
			return module_refuse(why, path, reason);
	}
	module_loaded[module_n++] = module;
	return 0;
}

/* Loads one. It is never unloaded: its types are used to the end. */
static int
module_load_one(const char *path, char why[MODULE_WHY])
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct module *module;
	char reason[MODULE_REASON];

	if (handle == NULL) {
		snprintf(why, MODULE_WHY, "cannot load the module %s",
		    dlerror()); /* which begins with the path */
		return -1;
	}
	module = dlsym(handle, MODULE_SYMBOL);
	if (module == NULL)
		return module_refuse(why, path,
		    "it does not export " MODULE_SYMBOL);
	if (module_is_loaded(module))
		return 0;
	if (module->abi != MODULE_ABI) {
		snprintf(reason, sizeof reason,
		    "it is made for version %u of the interface, and this is "
		    "%u",
		    (unsigned int)module->abi, (unsigned int)MODULE_ABI);
		return module_refuse(why, path, reason);
	}
	if (module_n == MODULE_MAX)
		return module_refuse(why, path, "there are too many modules");
	return module_add(module, path, why);
}

int
module_load(const char *list, char why[MODULE_WHY])
{
	char path[PATH_MAX];

	for (;;) {
		size_t len = strcspn(list, ",");

		if (module_path(list, len, path, why) == -1 ||
		    module_load_one(path, why) == -1)
			return -1;
		if (list[len] == '\0')
			return 0;
		list += len + 1;
	}
}

int
module_init(const char **why)
{
	for (size_t i = 0; i < module_n; i++) {
		if (module_loaded[i]->init != NULL &&
		    module_loaded[i]->init(why) == -1)
			return -1;
	}
	return 0;
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
