#ifndef MORO_WORKER_MODULE_NEEDS_H
#define MORO_WORKER_MODULE_NEEDS_H

/* What a module says that its tasks need of the system. */

#include <stddef.h>
#include <stdio.h>

#include "worker/module-table.h"
#include "worker/sandbox.h"

/*
 * Copies it to the arena, and checks it. Returns 0, or -1 with a sentence in
 * why.
 */
int module_needs_take(const struct moro_module *module,
    struct module_arena *arena, struct sandbox_needs *needs, char *why,
    size_t size);

/* What is wrong with a path that is to be open to workers; NULL: nothing. */
const char *module_needs_flaw(const char *path);

/* Writes it in words: "threads, reads /etc/x"; "nothing". */
void module_needs_text(const struct sandbox_needs *needs, FILE *out);

#endif
