#ifndef MORO_WORKER_EXEC_H
#define MORO_WORKER_EXEC_H

/*
 * Tasks that are one run of a program: bytes go to its stdin, what it writes to
 * stdout is the result, and its status tells whether it went well.
 */

#include "worker/type.h"

/* What the data of such a task has. */
extern const struct field exec_fields[];

/*
 * Keeps morod's environment for the programs, before a worker forgets it.
 * Borrowed.
 */
void exec_keep_environment(char **environment);

/* Runs the command of the call's type. As all of them: 0, or -1. */
int exec_run(struct call *call);

#endif
