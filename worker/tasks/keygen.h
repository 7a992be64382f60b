#ifndef MORO_TASKS_KEYGEN_H
#define MORO_TASKS_KEYGEN_H

/* crypto:keygen */

#include "worker/type.h"

extern const struct task_type keygen_type;

/* Makes a first key, so that no call loads a part of OpenSSL. */
int keygen_init(void);

#endif
