#ifndef MORO_SERVER_CONTROL_LOG_H
#define MORO_SERVER_CONTROL_LOG_H

#include "server/dispatcher.h"

/*
 * Tells the master of a level that method `log` has set. When the channel takes
 * nothing now, d->level_changed stays set.
 */
void control_log_report(struct dispatcher *d);

#endif
