#ifndef MORO_TASKS_TRANSFORM_H
#define MORO_TASKS_TRANSFORM_H

/* json:transform: jq programs on values and JSON text. */

#include "worker/type.h"

extern const struct task_type transform_type;

#endif
