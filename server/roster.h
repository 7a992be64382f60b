#ifndef MORO_SERVER_ROSTER_H
#define MORO_SERVER_ROSTER_H

/*
 * The master's list of worker slots: it starts the workers, notes their
 * deaths, and decides when the next one starts. A slot whose worker lived long
 * or was killed on purpose is filled at once; short lives are paced, doubling
 * from 100 ms to 5 s.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/channel.h"
#include "server/config.h"

struct roster;

/*
 * Makes a roster of the slots of all pools in a row, each pool's as many as it
 * may have workers; as many as it has at least are filled. Borrows config.
 */
struct roster *roster_new(const struct config *config);
void roster_free(struct roster *r);

/*
 * Starts a worker in each empty slot whose time has come, and tells the
 * dispatcher on `channel`. A fork that fails is tried again later.
 */
void roster_fill(struct roster *r, int channel, uint64_t now);

/* When roster_fill() has something to do next; UINT64_MAX: never. */
uint64_t roster_next(const struct roster *r);

/* Whether a slot is to have a worker, and what comes of the one that it has. */
void roster_want(struct roster *r, uint32_t slot, enum channel_wish wish,
    uint64_t now);

/* Workers are started as this says from now on; borrowed. */
void roster_configure(struct roster *r, const struct config *config);

/* A new dispatcher begins: the slots are to be filled as configured. */
void roster_reset(struct roster *r);

/* The dispatcher says that it kills the worker of a slot. */
void roster_wanted(struct roster *r, uint32_t slot, uint32_t generation);

/*
 * Notes a death, if it is a worker's, and tells the dispatcher on `channel` (-1:
 * nobody). The next worker comes when its time comes.
 */
void roster_reaped(struct roster *r, pid_t pid, int status, int channel,
    uint64_t now);

/* From now on all exits are wanted: morod stops. */
void roster_expect_exits(struct roster *r);

/* Kills all workers; their deaths count as wanted. */
void roster_kill_all(struct roster *r);

/* Workers that there are to be. */
uint32_t roster_wants(const struct roster *r);

/* Workers that are alive. */
uint32_t roster_alive(const struct roster *r);

#endif
