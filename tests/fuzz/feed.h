#ifndef MORO_FUZZ_FEED_H
#define MORO_FUZZ_FEED_H

/* A fuzzer's bytes as choices; when they are used up, all choices are 0. */

#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "worker/type.h"

struct feed {
	const uint8_t *at;
	size_t left;
};

uint8_t feed_byte(struct feed *f);

/* Takes up to len bytes; *len is set to how many there were. */
const uint8_t *feed_bytes(struct feed *f, size_t *len);

/*
 * Packs data for a type: mostly what its table takes, at and beside its
 * limits, sometimes what it does not.
 */
void feed_pack_data(struct feed *f, const struct task_type *type,
    msgpack_packer *pk);

#endif
