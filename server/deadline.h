#ifndef MORO_SERVER_DEADLINE_H
#define MORO_SERVER_DEADLINE_H

/*
 * Points in time at which something happens unless it is taken back before.
 * Deadlines of the same length stand in one list, in order by themselves; a
 * heap holds the lists by their first. So the usual case, many tasks with the
 * same timeout, costs O(1), and any other O(log n).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct deadlines;
struct deadline_list;

typedef void (*deadline_cb)(void *owner, uint64_t now);

/* Embedded in what waits. list is NULL while it is not set. */
struct deadline {
	TAILQ_ENTRY(deadline) link;
	struct deadline_list *list;
	uint64_t at; /* ms */
	void *owner; /* for the callback */
	deadline_cb fire;
};

struct deadlines *deadlines_new(void);

/* Frees the lists; deadlines that are still set become unusable. */
void deadlines_free(struct deadlines *ds);

/* Makes d ready to be set; owner and fire are kept. */
void deadline_init(struct deadline *d, deadline_cb fire, void *owner);

/*
 * Sets d to fire after_ms from now on; one that is set moves. `now` never
 * goes back from call to call. It cannot fail: without memory it only takes
 * longer.
 */
void deadline_set(struct deadlines *ds, struct deadline *d, uint64_t now,
    uint64_t after_ms);

/* Takes d back; not set is fine. */
void deadline_unset(struct deadlines *ds, struct deadline *d);

bool deadline_is_set(const struct deadline *d);

/* When the next one is due, in ms; UINT64_MAX: none is set. */
uint64_t deadlines_next(const struct deadlines *ds);

/* Unsets all that are due, and calls their callbacks. */
void deadlines_run(struct deadlines *ds, uint64_t now);

#endif
