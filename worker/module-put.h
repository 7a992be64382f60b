#ifndef MORO_WORKER_MODULE_PUT_H
#define MORO_WORKER_MODULE_PUT_H

/*
 * What a module's handler answers: moro_put_...() of worker/moro_module.h. One
 * value is to be put, and it is counted whether it is.
 */

#include <stdbool.h>
#include <stdint.h>

/* A task begins: nothing was put yet. */
void module_put_begin(void);

/* Whether anything was put. */
bool module_put_any(void);

/* How many values are missing; below 0: one was put that nobody wanted. */
int64_t module_put_missing(void);

#endif
