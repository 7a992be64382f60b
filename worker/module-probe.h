#ifndef MORO_WORKER_MODULE_PROBE_H
#define MORO_WORKER_MODULE_PROBE_H

/*
 * What a module's file has in it. Looking at it runs code of its, and of all
 * libraries that it needs: for one that is to be loaded after the fork, that is
 * done in a process of its own, which may crash or hang.
 */

#include <stdbool.h>
#include <stddef.h>

#include "worker/module-table.h"
#include "worker/sandbox.h"

#define MODULE_REASON 512 /* bytes of what is said behind a path */

/* A module's file that was looked at. */
struct module_found {
	struct module_type **types;
	size_t n_types;
	bool fork_clean;
	struct sandbox_needs needs;
	unsigned int threads; /* that there are behind its init() */
	char init_why[MODULE_REASON]; /* why init() failed, or "" */
	char why[MODULE_REASON]; /* what is wrong with it, or "" */
};

/*
 * Opens a module here, and checks what can be seen without calling it; its
 * handle is for dlclose(). NULL with a sentence in why.
 */
const struct moro_module *module_open(const char *path, void **handle,
    char *why, size_t size);

/* Calls its init(). Returns 0, or -1 with why. */
int module_init(const struct moro_module *module, const char *settings,
    char *why, size_t size);

/*
 * Looks at a module in a process of its own, where it lives the life that it
 * has in a worker: init(), after_fork(), exit(). Returns 0 with *found, whose
 * types stay, without the code (`own` is NULL); or -1 with found->why: also when
 * one of these crashed or did not return.
 */
int module_probe(const char *path, const char *settings,
    struct module_found *found);

#endif
