#ifndef MORO_TASKS_HASH_H
#define MORO_TASKS_HASH_H

/* crypto:hash */

#include "worker/type.h"

extern const struct task_type hash_type;

/* Finds the algorithms once, so that no call looks them up by name. */
int hash_init(void);

#endif
