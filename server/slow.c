#include "server/slow.h"

#include <stdlib.h>
#include <string.h>

static bool
slow_is_over(const struct slow_task *t, uint64_t now_ms)
{
	return t->run_us == 0 || now_ms - t->ended_ms > SLOW_KEPT_MS;
}

struct slow_task *
slow_place(struct slow *s, uint64_t run_us, uint64_t now_ms)
{
	struct slow_task *least = &s->tasks[0];

	for (uint32_t i = 0; i < SLOW_TASKS; i++) {
		struct slow_task *t = &s->tasks[i];

		if (slow_is_over(t, now_ms)) {
			least = t;
			break;
		}
		if (t->run_us < least->run_us)
			least = t;
	}
	if (!slow_is_over(least, now_ms) && least->run_us >= run_us)
		return NULL;
	memset(least, 0, sizeof *least);
	least->run_us = run_us;
	least->ended_ms = now_ms;
	return least;
}

/* Orders by run time, the longest first; then the latest first. */
static int
slow_compare(const void *a, const void *b)
{
	const struct slow_task *x = *(const struct slow_task *const *)a;
	const struct slow_task *y = *(const struct slow_task *const *)b;

	if (x->run_us != y->run_us)
		return x->run_us < y->run_us ? 1 : -1;
	return (x->ended_ms < y->ended_ms) - (x->ended_ms > y->ended_ms);
}

uint32_t
slow_list(const struct slow *s, uint64_t now_ms,
    const struct slow_task *out[SLOW_TASKS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SLOW_TASKS; i++) {
		if (!slow_is_over(&s->tasks[i], now_ms))
			out[n++] = &s->tasks[i];
	}
	qsort(out, n, sizeof out[0], slow_compare);
	return n;
}
