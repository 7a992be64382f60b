#ifndef MORO_WORKER_MODULE_H
#define MORO_WORKER_MODULE_H

/*
 * Task modules: shared objects with task types that need a heavy library,
 * which morod itself does not depend on. They are loaded in the master before
 * it forks, so that all workers share them.
 */

#include <stddef.h>
#include <stdint.h>

#include "worker/type.h"

/* Counts changes of struct module, struct task_type or worker/call.h. */
#define MODULE_ABI 2
#define MODULE_WHY 4608 /* bytes of a message: a path, and more */

struct module {
	uint32_t abi; /* MODULE_ABI */
	const char *name;
	const struct task_type *const *types; /* NULL-ended */
	/*
	 * Makes it ready, in the master and before it forks. Returns 0, or -1
	 * with the reason in *why. NULL: there is nothing to do.
	 */
	int (*init)(const char **why);
};

/* What a module exports. */
extern const struct module moro_module;

/*
 * Loads modules: a list of names or paths, separated by commas. A name stands
 * for NAME.so in the folder of installed modules. Their types are in the
 * registry from then on; one that is loaded already is passed over. Returns
 * 0, or -1 with a sentence in why.
 */
int module_load(const char *list, char why[MODULE_WHY]);

/* Makes those that are loaded ready. Returns 0, or -1 with why. */
int module_init(const char **why);

/* The module that is known to bring a type, or NULL. */
const char *module_of(const char *type, size_t len);

#endif
