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

#define MODULE_REASON 512 /* bytes of what is said behind a path */

/* A module's file that was looked at. */
struct module_found {
	struct module_type **types;
	size_t n_types;
	bool fork_clean;
	char why[MODULE_REASON]; /* what is wrong with it, or "" */
};

/*
 * Opens a module here, for good, and checks what can be seen without calling
 * it. NULL with a sentence in why.
 */
const struct moro_module *module_open(const char *path, char *why, size_t size);

/*
 * Looks at a module in a process of its own. Returns 0 with *found, whose types
 * stay, without the code (`own` is NULL); or -1 with found->why.
 */
int module_probe(const char *path, struct module_found *found);

#endif
