#ifndef MORO_SERVER_FDSET_H
#define MORO_SERVER_FDSET_H

/*
 * Descriptors that came with one request, counted: its task holds them until
 * it is answered, and the output to a worker until they are sent.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/fdpass.h"

struct fdset {
	uint32_t refs;
	uint32_t n;
	int fds[FDPASS_MAX];
};

/*
 * Clients' descriptors that this process holds. They are counted where they
 * come in; what closes them takes them off.
 */
uint32_t fdset_held(void);
void fdset_count(size_t n);

/* Closes n of them. */
void fdset_close(const int *fds, size_t n);

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
