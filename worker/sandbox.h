#ifndef MORO_WORKER_SANDBOX_H
#define MORO_WORKER_SANDBOX_H

/*
 * What the dispatcher and the workers cannot do, whatever their code is made to
 * do: server/MOROD.md, section "Sandbox". The master makes it ready once; each
 * process enters it for good.
 */

#include <stdbool.h>
#include <stddef.h>

enum sandbox_who {
	SANDBOX_WORKER,
	SANDBOX_DISPATCHER,
	SANDBOX_KINDS,
};

/* What a module's tasks do beyond those of morod. Borrowed, for good. */
struct sandbox_needs {
	unsigned int flags; /* enum moro_need */
	const char *const *reads; /* paths; these three, NULL-ended, or NULL */
	const char *const *writes;
	const char *const *calls; /* names of system calls */
};

/* Allows workers that as well, for all of them; before sandbox_make(). */
int sandbox_allow(const struct sandbox_needs *needs);

/*
 * In the master: makes it ready, as far as the kernel has what it needs.
 * Returns 0, or -1 with errno.
 */
int sandbox_make(void);

/*
 * What this kernel does not have, separated by commas; "": it has all. Text is
 * static.
 */
const char *sandbox_missing(void);

/*
 * Gives up capabilities, and new ones, for this thread and those that it starts:
 * the first half of sandbox_enter(), for before modules are initialised. Returns
 * 0, or -1 with errno.
 */
int sandbox_prepare(void);

/* Enters it; nothing is done where it was not made. Returns 0 or -1. */
int sandbox_enter(enum sandbox_who who);

/* What the kernel has, one line each; `i` from 0. False: there is none more. */
bool sandbox_line(size_t i, char *out, size_t size);

#endif
