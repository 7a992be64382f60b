#ifndef MORO_SERVER_STATS_H
#define MORO_SERVER_STATS_H

#include <msgpack.h>

#include "server/dispatcher.h"

/*
 * Packs what method stats answers: proto/PROTOCOL.md, section 5. Gauges are
 * taken from the lists that hold the tasks, so they cannot drift.
 */
void stats_pack(struct dispatcher *d, msgpack_packer *pk);

#endif
