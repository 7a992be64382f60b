#ifndef MORO_SERVER_FDSET_H
#define MORO_SERVER_FDSET_H

/*
 * Descriptors that came with one request, counted: its task holds them until
 * it is answered, and the output to a worker until they are sent.
 */

#include <stdint.h>

#include "proto/fdpass.h"

struct fdset {
	uint32_t refs;
	uint32_t n;
	int fds[FDPASS_MAX];
};

/* Takes over n descriptors, at most FDPASS_MAX. NULL: no memory; all stay. */
struct fdset *fdset_new(const int *fds, uint32_t n);

struct fdset *fdset_ref(struct fdset *set);

/* Drops a reference; the last one closes them. NULL is fine. */
void fdset_unref(struct fdset *set);

/*
 * Finds the first descriptor that is no readable or writable regular file (a
 * memfd is one). Returns its index, or n when all are good.
 */
uint32_t fdset_unfit(const struct fdset *set);

#endif
