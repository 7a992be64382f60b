#ifndef MORO_CLIENT_PARCEL_H
#define MORO_CLIENT_PARCEL_H

/*
 * Descriptors on their way out: each set goes with the first byte of its
 * request, wherever in the stream that comes to stand.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "proto/fdpass.h"

struct parcel {
	TAILQ_ENTRY(parcel) link;
	uint64_t at; /* bytes of the stream before it */
	uint32_t n;
	int fds[FDPASS_MAX]; /* our own duplicates */
};

/* What waits, in the order of the stream. */
struct parcels {
	TAILQ_HEAD(parcel_list, parcel) list;
	uint64_t sent; /* bytes of the stream that were sent */
};

void parcels_init(struct parcels *ps);

/* Closes all that was not sent; the stream is what it was. */
void parcels_drop(struct parcels *ps);

/* The same, and begins a new stream. */
void parcels_clear(struct parcels *ps);

/* Closes what would go with the byte at `at` of the stream, or behind it. */
void parcels_cut(struct parcels *ps, uint64_t at);

/*
 * The descriptors that wait to go with the byte at `at` of the stream,
 * borrowed, and how many they are; 0: none.
 */
uint32_t parcels_at(const struct parcels *ps, uint64_t at, const int **fds);

/*
 * Has duplicates of n descriptors, at most FDPASS_MAX, sent with the byte that
 * is `ahead` bytes behind those sent so far. Returns 0, or -1 with errno.
 */
int parcels_add(struct parcels *ps, size_t ahead, const int *fds, size_t n);

/*
 * Sends some of the len bytes that are next in the stream, and what goes with
 * them, without waiting. Returns what send() does.
 */
ssize_t parcels_send(struct parcels *ps, int sock, const void *bytes,
    size_t len);

#endif
