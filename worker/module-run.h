#ifndef MORO_WORKER_MODULE_RUN_H
#define MORO_WORKER_MODULE_RUN_H

/*
 * One run of a task of a module (worker/moro_module.h), and what its handler
 * calls of morod about the task as a whole.
 */

#include <stdint.h>

#include <msgpack.h>

struct call;
struct moro_task;
struct moro_value;

/* The function of all types of modules (struct task_type). */
int module_run(struct call *call);

/* A task is a call, a value one of its objects: by other names outside. */
static inline struct call *
module_call(const struct moro_task *task)
{
	return (struct call *)(uintptr_t)task;
}

static inline const msgpack_object *
module_object(const struct moro_value *value)
{
	return (const msgpack_object *)(const void *)value;
}

static inline const struct moro_value *
module_value(const msgpack_object *object)
{
	return (const struct moro_value *)(const void *)object;
}

#endif
