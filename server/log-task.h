#ifndef MORO_SERVER_LOG_TASK_H
#define MORO_SERVER_LOG_TASK_H

/*
 * Lines about a task: each names its type, the number of its client's
 * connection, its msgid, and the caller's id if it has one.
 */

#include "server/life.h"
#include "server/log.h"

/* When the level is off no argument is evaluated: fit for the hot path. */
#define log_task(level, t, ...)                                \
	do {                                                   \
		if (log_is_on(level))                          \
			log_task_write(level, t, __VA_ARGS__); \
	} while (0)

void log_task_write(enum log_level level, const struct task *t,
    const char *format, ...) __attribute__((cold, format(printf, 3, 4)));

/*
 * Says that a task has no result, and why. Of those that operators want to
 * know, 20 of each kind in a second are said, and how many were left out.
 */
void log_task_failed(struct dispatcher *d, const struct task *t,
    enum life_end end, const struct fault *fault);

/* Says at the end of the process what was left out. */
void log_task_clear(struct dispatcher *d);

#endif
