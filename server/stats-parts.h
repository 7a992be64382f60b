#ifndef MORO_SERVER_STATS_PARTS_H
#define MORO_SERVER_STATS_PARTS_H

/* What the files of the statistics share with each other. */

#include <msgpack.h>

#include "server/dispatcher.h"

#define STATS_SERIES_KEYS 5 /* that stats_pack_series() adds to the map */
#define STATS_BUCKETS_KEYS 2 /* that stats_pack_buckets() adds */

/* Waiting, running and ends: of all, by type and by priority. */
void stats_pack_series(struct dispatcher *d, msgpack_packer *pk);

/* The same by type and priority, as cumulative buckets, for collectors. */
void stats_pack_buckets(struct dispatcher *d, msgpack_packer *pk);

#endif
