#ifndef MORO_TASKS_HEAVY_ORDER_H
#define MORO_TASKS_HEAVY_ORDER_H

/* Sorting that can be cancelled: libc's qsort() on runs, which are merged. */

#include <stddef.h>

struct call;

typedef int (*heavy_order_cb)(const void *, const void *);

/*
 * Sorts n elements of `size` bytes, like qsort(), and tells progress: what it
 * does counts heavy_order_work(n), and `before` was done already. Returns 0, or
 * -1 with the call's error set and the elements in any order: there was no
 * memory, or the task was cancelled.
 */
int heavy_order(struct call *call, void *elements, size_t n, size_t size,
    heavy_order_cb compare, size_t before);
size_t heavy_order_work(size_t n);

#endif
