#ifndef MORO_TASKS_RANDOM_H
#define MORO_TASKS_RANDOM_H

/* crypto:random */

#include "worker/type.h"

extern const struct task_type random_type;

#endif
