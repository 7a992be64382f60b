#ifndef MORO_CLIENT_CHOICES_H
#define MORO_CLIENT_CHOICES_H

/* What struct moro_options holds, as the options map of the wire. */

#include <msgpack.h>

#include "client/moro.h"

/* Packs the map. Returns 0, or -1: the packer had no memory. */
int choices_pack(const struct moro_options *o, msgpack_packer *pk);

#endif
