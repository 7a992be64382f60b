#ifndef MORO_WORKER_WIPE_H
#define MORO_WORKER_WIPE_H

/* Memory that is overwritten before it is given back. */

#include <stddef.h>

/* Like malloc() and realloc(), for what wipe_free() frees. */
void *wipe_malloc(size_t size);
void *wipe_realloc(void *p, size_t size);

/* Overwrites the whole block and frees it; NULL does nothing. */
void wipe_free(void *p);

/*
 * Overwrites the stack below its caller, where the functions called before
 * had their variables: libraries leave blocks of what they hash there. The
 * worker does it once for a batch of tasks.
 */
void wipe_stack(void);

/*
 * Makes the JSON library and OpenSSL use these, so that no claim and
 * no key stays behind in freed memory. Must come before their first allocation.
 */
void wipe_install(void);

#endif
