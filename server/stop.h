#ifndef MORO_SERVER_STOP_H
#define MORO_SERVER_STOP_H

/* How the dispatcher ends what it has, when morod stops. */

#include "server/dispatcher.h"

/* Makes d ready for it. */
void stop_init(struct dispatcher *d);

/*
 * The end of a turn while morod stops: all that waits is answered, what runs is
 * cancelled; d->loop.stop is set when nothing is left, or the grace is over.
 */
void stop_turn(struct dispatcher *d);

/* Ends all tasks that are left; some are given the time to clean up. */
void stop_tasks(struct dispatcher *d);

#endif
