#ifndef MORO_MODULES_IMAGE_MEMORY_H
#define MORO_MODULES_IMAGE_MEMORY_H

/* What a task on an image may take of the machine's memory, in all. */

#include <stdint.h>

/*
 * Each step is bounded by what it works on; this is for what nobody has thought
 * of, and for writing a very large WebP, which takes up to 37 bytes a pixel.
 */
#define IMAGE_MEMORY_MAX (UINT64_C(2) << 30)

struct moro_task;

/*
 * Runs a task, with so much memory and no more. Returns what that returns, or -1
 * with the task's error set.
 */
int image_memory_bound(struct moro_task *task,
    int (*run)(struct moro_task *task));

#endif
