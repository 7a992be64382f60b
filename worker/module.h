#ifndef MORO_WORKER_MODULE_H
#define MORO_WORKER_MODULE_H

/*
 * The modules of this server (worker/moro_module.h). What types one has is
 * learnt in a process of its own (worker/module-probe.h); its code comes into
 * the workers after the fork, or into the master before it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/moro_module.h"
#include "worker/sandbox.h"

#define MODULE_WHY 4800 /* bytes of a message: a path, and more */
#define MODULE_MAX 16 /* modules that there may be */

/* Where a module's code is loaded. */
enum module_place {
	MODULE_AUTO, /* in the master, if it says that it is fork-clean */
	MODULE_MASTER,
	MODULE_WORKERS,
};

/*
 * Makes a module known: NAME stands for NAME.so in the folder of installed
 * modules, anything with a slash is a path. `settings` are for its init(), and
 * copied. Its types are in the registry from then on; of a file that is known
 * already nothing more happens. Returns 0, or -1 with a sentence in why.
 */
int module_add(const char *name, enum module_place place, const char *settings,
    char why[MODULE_WHY]);

/*
 * In the master, before its first fork: loads those that belong there, and
 * makes them ready. Returns 0, or -1 with why.
 */
int module_preload(const char **why);

/* What the i-th needs of the sandbox, and its file. NULL: there are no more. */
const struct sandbox_needs *module_needs(size_t i, const char **path);

/* Why its init() failed when it was tried; NULL: it did not. Workers try again. */
const char *module_unready(size_t i);

/*
 * Ends the master or the dispatcher, without what a module that was loaded
 * before the fork has for the end of its process: that is for workers.
 */
_Noreturn void module_exit_others(int status);

/* In the master, before each fork. */
void module_before_fork(void);

/*
 * In a worker, whose results may have so many values: loads the others. What
 * cannot be loaded is said on stderr, and its tasks fail with the reason.
 */
void module_begin(uint32_t values);

/* In a worker that ends in order. */
void module_end(void);

/* The module of morod's own that is known to bring a type, or NULL. */
const char *module_of(const char *type, size_t len);

#endif
