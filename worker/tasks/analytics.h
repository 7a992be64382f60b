#ifndef MORO_TASKS_ANALYTICS_H
#define MORO_TASKS_ANALYTICS_H

/* analytics:process: what many events have in common, by groups. */

#include "worker/type.h"

extern const struct task_type analytics_type;

/* Chooses the secret of the tables; once, after libsodium was started. */
int analytics_init(void);

#endif
