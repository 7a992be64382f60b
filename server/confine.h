#ifndef MORO_SERVER_CONFINE_H
#define MORO_SERVER_CONFINE_H

/* The sandbox (worker/sandbox.h) as the configuration wants it. */

#include <stdbool.h>

#include "server/config.h"

/*
 * In the master: makes it ready for all processes, and says what is missing.
 * False: morod must not run, which was said.
 */
bool confine_make(const struct config *config);

/* Warns of modules that will not do their tasks. */
void confine_say_modules(void);

/* Says that processes are root's, where nobody has said that they be. */
void confine_say_root(const struct config *config);

/*
 * Prints what this kernel has, and what workers are let do for modules. False:
 * morod would not run, which was said.
 */
bool confine_check(const struct config *config);

/* What is wrong with a list of paths, about a path; NULL: nothing. */
const char *confine_flaw(const char *list, char *path, size_t size);

#endif
