#ifndef MORO_WORKER_MODULE_PUT_H
#define MORO_WORKER_MODULE_PUT_H

/*
 * What a module's handler answers: moro_put_...() of worker/moro_module.h. One
 * value is to be put; how much there is in it is counted, because an answer
 * that is over the limits of a message would be the end of its worker.
 */

#include <stdbool.h>
#include <stdint.h>

struct call;

/* Sets how many values a result may have. */
void module_put_limit(uint32_t values);

/* A task begins: nothing was put yet. */
void module_put_begin(void);

/* Whether anything was put. */
bool module_put_any(void);

/* How many values are missing; below 0: one was put that nobody wanted. */
int64_t module_put_missing(void);

/* Whether it is within the limits. Returns 0, or -1 with the error set. */
int module_put_check(struct call *call);

#endif
