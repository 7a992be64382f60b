#ifndef MORO_SERVER_STATS_H
#define MORO_SERVER_STATS_H

#include <stdbool.h>

#include <msgpack.h>

#include "server/dispatcher.h"

/*
 * Packs what method stats answers: proto/PROTOCOL.md, section 5. Gauges are
 * taken from the lists that hold the tasks, so they cannot drift. With buckets
 * also the histograms themselves.
 */
void stats_pack(struct dispatcher *d, bool buckets, msgpack_packer *pk);

#endif
