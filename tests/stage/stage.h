#ifndef MORO_TESTS_STAGE_H
#define MORO_TESTS_STAGE_H

/*
 * The whole dispatcher in the test's own process, on the real clock. The test
 * plays a client, the master and a worker, and says when there is a turn. What
 * goes wrong here is the test's own, and ends it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/dispatcher.h"

struct stage {
	struct dispatcher d;
	struct config config;
	int listen_fd, channel; /* the master's end of it */
	int client, worker; /* the other ends; -1: closed */
	struct page *page; /* the worker's; NULL: it has none */
	uint32_t slot; /* that it is in; to be set before there is one */
	bool gone; /* the dispatcher is cleared */
};

/* Begins with a configuration, and a client that is not accepted yet. */
void stage_init(struct stage *s, const char *config);

/* Hangs up all that is there, and clears the dispatcher. */
void stage_clear(struct stage *s);

/* The dispatcher ends; the client can still read. */
void stage_end(struct stage *s);

/*
 * Takes turns for as long as they need no event, and at least one. Returns how
 * many.
 */
int stage_turns(struct stage *s);

/*
 * The client asks: a request, or with msgid 0 a notification, with the bytes of
 * its params, an array.
 */
void stage_ask(struct stage *s, uint64_t msgid, const char *method,
    const void *params, size_t len);

/* The master gives the slot a worker, which has said nothing yet. */
void stage_spawn(struct stage *s);

/* The worker says that it is set up. */
void stage_ready(struct stage *s);

/* The worker is dead and the master has reaped it. */
void stage_reap(struct stage *s, int status);

/* morod stops at once: what is left is answered. */
void stage_stop(struct stage *s);

void stage_hang_up(int *fd);

#endif
