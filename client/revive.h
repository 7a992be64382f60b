#ifndef MORO_CLIENT_REVIVE_H
#define MORO_CLIENT_REVIVE_H

/*
 * A connection that is made anew after it was lost: when the next attempt is,
 * and how long it goes on. What becomes of the requests: resend.h.
 *
 * A handle is away from the loss until the new server has greeted it. In that
 * time it has no descriptor, or one on which the greeting is awaited.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/failure.h"
#include "client/moro.h"

struct revive {
	uint64_t first_ms; /* the first pause; 0: nothing is made anew */
	uint64_t max_ms; /* the longest one */
	uint64_t limit_ms; /* of an absence; 0: none */

	bool able; /* the connection has a path to go back to */
	bool away;
	uint64_t pause_ms; /* the next pause */
	uint64_t greeted; /* monotonic ms of the last greeting */

	/* while it is away, monotonic ms: */
	uint64_t due; /* of the next attempt, or of the end of this one */
	uint64_t give_up; /* of the end of it all */
	uint64_t expiry; /* not after the first request that waits too long */
	struct failure why; /* the last attempt's */
};

/* Whether what is lost now is to be made anew at some time. */
bool revive_on(const struct moro *m);

/* Begins, with the first attempt, for a handle whose path is set. */
void revive_begin(struct moro *m);

/*
 * Goes away instead of ending, if that is wanted and f is no final word.
 * Callbacks run. Returns whether it did.
 */
bool revive_lose(struct moro *m, const struct failure *f);

/* Does what is due. Callbacks may run, and the end may come. */
void revive_tick(struct moro *m);

/* When that is, monotonic ms; UINT64_MAX: nothing is. */
uint64_t revive_due(const struct moro *m);

/* Has it end: the greeting has come, or the handle ends. */
void revive_greeted(struct moro *m);

#endif
