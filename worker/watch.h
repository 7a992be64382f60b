#ifndef MORO_WORKER_WATCH_H
#define MORO_WORKER_WATCH_H

/*
 * What goes between a task that runs and those who wait for it: whether it is
 * asked to stop, and how far it is.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/page.h"

#define WATCH_NOTE 128 /* bytes of a note, its NUL included */

struct watch {
	const struct page *page;
	uint32_t number; /* the task's in the page */
	uint32_t attempt; /* from 1: how often the task was begun */
	bool progress; /* somebody wants to hear of it */
	int sock; /* where progress is told */
	uint64_t msgid; /* of the task's request */
	uint64_t next_ns; /* monotonic: when it is told next; 0: at once */
};

/* Whether the task is asked to stop. */
bool watch_is_cancelled(const struct watch *w);

/*
 * Tells how far the task is, unless that was told a moment ago. `total` below
 * 0: not known; note, which is cut, may be NULL. A peer that is gone is noticed
 * elsewhere.
 */
void watch_report(struct watch *w, double done, double total, const char *note);

#endif
