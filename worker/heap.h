#ifndef MORO_WORKER_HEAP_H
#define MORO_WORKER_HEAP_H

/*
 * How much freed memory malloc() keeps for the next task. By itself glibc gives
 * back all over 128 KiB at once, so that a task with many values takes a fault
 * for each page of them, every time anew: a third of its time.
 */

#include <stdint.h>

/*
 * Has it keep what tasks of some megabytes need, or a small part of the `limit`
 * of the process's memory (0: none): what is kept is not there for libraries
 * that map memory themselves. Before the first task.
 */
void heap_keep(uint64_t limit);

/* Gives back what is kept: for a worker that rests. */
void heap_give_back(void);

#endif
