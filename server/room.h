#ifndef MORO_SERVER_ROOM_H
#define MORO_SERVER_ROOM_H

/*
 * Whether there is room for one more task: by the pool's count, the type's, the
 * client's and all bytes. Who asked for it is told when the queue fills up and
 * when it has emptied again, or waits instead of being refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "server/client.h"
#include "server/dispatcher.h"
#include "server/route.h"

/* What a new task would take. */
struct room {
	struct client *client;
	struct route *route;
	size_t bytes; /* of its data */
	uint32_t n_fds;
};

/* Whether it finds room. False, with the fault set: which limit is in the way. */
bool room_check(const struct room *room, struct fault *fault);

/*
 * Whether a task for which there is no room may be taken nevertheless, because
 * its client is not read from until there is: one for each client, and only so
 * many bytes.
 */
bool room_may_wait(const struct room *room);

/* Has the client wait, after such a task was taken. */
void room_wait(struct client *c, struct route *r);

/* Forgets a client that is closed. */
void room_forget(struct client *c);

/* The end of a turn: lets those go on that have room, tells of the marks. */
void room_turn(struct dispatcher *d);

/* Has the client told from now on, or not any more. */
void room_subscribe(struct client *c, bool on);

/* Packs a pool's state: {pool, state, queueSize, maxQueueSize}. */
void room_pack(const struct pool *p, msgpack_packer *pk);

/* "high" or "low". */
const char *room_pressure_name(const struct pool *p);

#endif
