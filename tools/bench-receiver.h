#ifndef MORO_TOOLS_BENCH_RECEIVER_H
#define MORO_TOOLS_BENCH_RECEIVER_H

/* Answers on their way in, of morod or of the bare relay. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/scan.h"

struct receiver {
	size_t bare; /* bytes of a frame of the relay; 0: RPC */
	struct scan scan;
	uint8_t *buf; /* owned */
	size_t cap;
	size_t start; /* first byte that is not consumed */
	size_t end;
};

/* One answer; its bytes are good until the next receiver_read(). */
struct answer {
	uint64_t id;
	const uint8_t *error; /* encoded; NULL: none */
	size_t error_len;
	const uint8_t *result; /* encoded; of the relay the whole frame */
	size_t result_len;
};

void receiver_init(struct receiver *r, size_t bare);
void receiver_clear(struct receiver *r);

/*
 * Reads once, with flags of recv(). Returns 1; 0: there is nothing; -1: the
 * connection is over, with errno (0: its end).
 */
int receiver_read(struct receiver *r, int fd, int flags);

/* Takes an answer out of what was read. Returns 1; 0: none; -1: garbage. */
int receiver_next(struct receiver *r, struct answer *a);

#endif
