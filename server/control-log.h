#ifndef MORO_SERVER_CONTROL_LOG_H
#define MORO_SERVER_CONTROL_LOG_H

#include "proto/fault.h"
#include "server/client.h"
#include "server/conn.h"

/*
 * Control method `log`: answers the level of the log, and sets it first if one
 * is given; in the master, and in the workers that it starts, too. Returns 0,
 * or -1 with *fault set: it is refused, and nothing was answered.
 */
int control_log(struct client *c, const struct message_in *m,
    struct fault *fault);

/*
 * Tells the master of a new level. When the channel takes nothing now,
 * d->level_changed stays set.
 */
void control_log_report(struct dispatcher *d);

#endif
