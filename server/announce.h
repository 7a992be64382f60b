#ifndef MORO_SERVER_ANNOUNCE_H
#define MORO_SERVER_ANNOUNCE_H

/*
 * What a program says of the types that it does: an array of names, or of maps
 * {name, about, idempotent, softCancel, progress, timeout}. One that morod started says
 * so in its answer to hello, one that dials in when it does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct program_type;
struct route;

/* Takes one of them. False: it cannot be, and why has a sentence. */
typedef bool (*announce_cb)(void *to, const struct program_type *said,
    char *why, size_t size);

/*
 * Reads the array, scanned already; nil is an empty one. False: it is none, or
 * one of them cannot be, and why has a sentence.
 */
bool announce_read(const uint8_t *at, size_t len, announce_cb take, void *to,
    char *why, size_t size);

/*
 * Has a pool do a type from now on, if it does not already; what is said of it
 * holds for all its workers. NULL: it cannot be, and why has a sentence.
 */
struct route *announce_type(struct pool *p, const struct program_type *said,
    char *why, size_t size);

#endif
