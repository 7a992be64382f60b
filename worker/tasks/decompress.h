#ifndef MORO_TASKS_DECOMPRESS_H
#define MORO_TASKS_DECOMPRESS_H

/* data:decompress */

#include "worker/type.h"

extern const struct task_type decompress_type;

#endif
