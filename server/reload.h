#ifndef MORO_SERVER_RELOAD_H
#define MORO_SERVER_RELOAD_H

/*
 * A new configuration on its way. The master reads the file; the dispatcher is
 * handed what is in force then, as text, and what there is to say of it, which
 * goes to those who asked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"
#include "server/control-parts.h"

/*
 * Master: reads everything again, as `old` was read, and tells the log and the
 * dispatcher on `channel` (-1: there is none). Returns the configuration that
 * is in force from now on, which is to be cleared and freed; or NULL: nothing
 * has changed.
 */
struct config *reload_read(const struct config *old, int channel);

/* Dispatcher: method reload. The answer comes when the master has read it. */
void control_reload(struct control *ctl);

/* Dispatcher: whether a client waits for the answer to one. */
bool reload_is_awaited(const struct dispatcher *d, uint64_t client);

/* Dispatcher: the end of a turn: tells the master if somebody asked. */
void reload_report(struct dispatcher *d);

/*
 * Dispatcher: the master has read a configuration (ok), or refused it. Takes
 * the n descriptors.
 */
void reload_take(struct dispatcher *d, bool ok, const int *fds, size_t n);

/* Dispatcher: it ends, and the master's word will not come any more. */
void reload_refuse_all(struct dispatcher *d);

/* Dispatcher: frees what it holds. */
void reload_clear(struct dispatcher *d);

#endif
