#ifndef MORO_CLIENT_CHOICES_H
#define MORO_CLIENT_CHOICES_H

/* What struct moro_options holds, as the options map of the wire. */

#include <stdbool.h>

#include <msgpack.h>

#include "client/moro.h"

/* A copy that is the caller's; NULL counts as none given. NULL: no memory. */
struct moro_options *choices_copy(const struct moro_options *o);

/* The descriptors that go with the task, and how many they are. */
uint32_t choices_fds(const struct moro_options *o, const int **fds);

/*
 * Whether the program said that the task may run twice. One whose result goes
 * to a file may not: the first run may still be writing there.
 */
bool choices_may_repeat(const struct moro_options *o);

/* Packs the map. Returns 0, or -1: the packer had no memory. */
int choices_pack(const struct moro_options *o, msgpack_packer *pk);

#endif
