#ifndef MORO_WORKER_MODULE_INPUT_H
#define MORO_WORKER_MODULE_INPUT_H

/*
 * What a module's handler reads: moro_task_...() of fields, and moro_value_...()
 * of worker/moro_module.h.
 */

/* A task begins: nothing was read of it yet. */
void module_input_begin(void);

#endif
