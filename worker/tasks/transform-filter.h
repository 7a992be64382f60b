#ifndef MORO_TASKS_TRANSFORM_FILTER_H
#define MORO_TASKS_TRANSFORM_FILTER_H

/*
 * jq programs, compiled and kept: libjq reads its builtins anew for each, which
 * takes 15 ms. No program reaches files or the environment.
 */

#include <jq.h>
#include <msgpack.h>

#include "worker/call.h"

#define TRANSFORM_FILTER_MAX 65536 /* bytes of a program */
#define TRANSFORM_ARGS_MAX 32 /* named arguments */
#define TRANSFORM_NAME_MAX 64 /* bytes of a name of one */
#define TRANSFORM_KEPT_MAX 32 /* programs that a worker keeps ... */
#define TRANSFORM_KEPT_BYTES (128 << 10) /* ... with so much text in all */

/*
 * Gives a program that is ready to be started. `args` may be NULL; if it has
 * names, which must be good ones, the program takes an array of their values
 * and, last, its input. NULL with the call's error set. What is given is good
 * until the next one is asked for; transform_filter_end() follows its runs. From
 * now on the process ends, and says why, where libjq gets no memory.
 */
jq_state *transform_filter_get(struct call *call, const msgpack_object *filter,
    const msgpack_object *args);

/* Checks the names of arguments. Returns 0, or -1 with the call's error set. */
int transform_filter_check(struct call *call, const msgpack_object *args);

/* Ends all runs: frees what the program held. */
void transform_filter_end(jq_state *jq);

#endif
