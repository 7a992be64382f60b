#ifndef MORO_TASKS_PASSWORD_H
#define MORO_TASKS_PASSWORD_H

/* password:hash, password:verify */

#include "worker/type.h"

extern const struct task_type password_hash_type;
extern const struct task_type password_verify_type;

#endif
