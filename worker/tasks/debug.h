#ifndef MORO_TASKS_DEBUG_H
#define MORO_TASKS_DEBUG_H

/* debug:* : tasks that show how morod deals with good and bad ones. */

#include "worker/type.h"

/* Reads what a worker's environment does not have any more. Returns 0. */
int debug_init(void);

extern const struct task_type debug_echo_type;
extern const struct task_type debug_sleep_type;
extern const struct task_type debug_spin_type;
extern const struct task_type debug_fail_type;
extern const struct task_type debug_crash_type;
extern const struct task_type debug_tally_type;
extern const struct task_type debug_print_type;
extern const struct task_type debug_work_type;
extern const struct task_type debug_fork_type;
extern const struct task_type debug_allocate_type;

#endif
