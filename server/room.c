#include "server/room.h"

#include <inttypes.h>
#include <string.h>

#include <msgpack.h>

#include "proto/envelope.h"
#include "server/answer.h"
#include "server/log.h"
#include "server/packed.h"
#include "server/pool.h"

#define ROOM_METHOD "backpressure"
#define ROOM_LOOKS 64 /* clients that wait, looked at in one turn */
#define ROOM_HANGUP_MS 100 /* between two looks whether they are still there */
#define ROOM_BYTES 2 /* what waits may have so many times the limit */
#define PERCENT 100

/* QUEUE_FULL, with the limit that was hit. */
static bool
room_full(const struct room *room, struct fault *fault, const char *reason,
    const char *what, uint64_t limit, uint64_t size)
{
	fault_set(fault, CODE_QUEUE_FULL, reason,
	    "%s: %" PRIu64 " of at most %" PRIu64, what, size, limit);
	fault_add_number(fault, "limit", (int64_t)limit);
	fault_add_number(fault, "size", (int64_t)size);
	fault_add_number(fault, "retryAfterMs",
	    (int64_t)pool_retry_after_ms(room->route->pool));
	return false;
}

/* A task that finds no room in an empty server either. */
static bool
room_never(struct fault *fault, const char *what, uint64_t limit, uint64_t size)
{
	fault_set(fault, CODE_TOO_LARGE, NULL,
	    "the task's data have %" PRIu64 " bytes, and %s may have %" PRIu64
	    " in all",
	    size, what, limit);
	fault_add_number(fault, "limit", (int64_t)limit);
	fault_add_number(fault, "size", (int64_t)size);
	return false;
}

/* The queue of the pool. */
static bool
room_check_pool(const struct room *room, struct fault *fault)
{
	struct pool *p = room->route->pool;

	if (!pool_has_room(p))
		pool_dispatch(p); /* workers may be free in this very turn */
	if (pool_has_room(p))
		return true;
	return room_full(room, fault, "count", "the queue is full",
	    p->config->max_queue_size, pool_waiting(p));
}

/* Whether as many tasks of a type wait as may. */
static bool
room_is_crowded(const struct route *r)
{
	return r->max_queued != 0 && r->n_queued >= r->max_queued;
}

/* What may wait of one type. */
static bool
room_check_route(const struct room *room, struct fault *fault)
{
	const struct route *r = room->route;

	if (room_is_crowded(r))
		pool_dispatch(r->pool);
	if (!room_is_crowded(r))
		return true;
	return room_full(room, fault, "type",
	    "too many tasks of this type are waiting", r->max_queued,
	    r->n_queued);
}

/* What one connection may have. */
static bool
room_check_client(const struct room *room, struct fault *fault)
{
	const struct client *c = room->client;
	const struct config *config = c->dispatcher->config;

	if (c->n_tasks >= config->max_client_tasks)
		return room_full(room, fault, "client",
		    "the connection has too many unfinished tasks",
		    config->max_client_tasks, c->n_tasks);
	if (room->n_fds > 0 && c->n_task_fds + room->n_fds > CLIENT_FDS)
		return room_full(room, fault, "fds",
		    "the connection's unfinished tasks have too many "
		    "descriptors",
		    CLIENT_FDS, c->n_task_fds);
	if (room->bytes > config->max_client_bytes)
		return room_never(fault, "a connection's unfinished tasks",
		    config->max_client_bytes, room->bytes);
	if (c->task_bytes + room->bytes > config->max_client_bytes)
		return room_full(room, fault, "clientBytes",
		    "the connection's unfinished tasks have too many bytes",
		    config->max_client_bytes, c->task_bytes);
	return true;
}

/* All bytes together. */
static bool
room_check_bytes(const struct room *room, struct fault *fault)
{
	const struct dispatcher *d = room->client->dispatcher;
	uint64_t bytes = dispatcher_bytes(d);
	uint64_t max = d->config->max_queued_bytes;

	if (room->bytes > max)
		return room_never(fault, "all unfinished tasks", max,
		    room->bytes);
	if (bytes + room->bytes <= max)
		return true;
	return room_full(room, fault, "bytes",
	    "unfinished tasks and unread answers have too many bytes", max,
	    bytes);
}

bool
room_check(const struct room *room, struct fault *fault)
{
	return room_check_pool(room, fault) && room_check_route(room, fault) &&
	       room_check_client(room, fault) && room_check_bytes(room, fault);
}

bool
room_may_wait(const struct room *room)
{
	const struct client *c = room->client;
	const struct dispatcher *d = c->dispatcher;
	uint64_t max = d->config->max_queued_bytes;

	return c->waits_for == NULL && room->bytes <= max &&
	       room->bytes <= d->config->max_client_bytes &&
	       c->n_task_fds + room->n_fds <= CLIENT_FDS &&
	       dispatcher_bytes(d) + room->bytes <= max * ROOM_BYTES;
}

/* Looks whether those that wait are still there; nothing is read from them. */
static void
room_hangup_cb(void *owner, uint64_t now)
{
	struct dispatcher *d = owner;
	struct client *c = TAILQ_FIRST(&d->waiting);

	while (c != NULL) {
		struct client *next = TAILQ_NEXT(c, waiting_link);

		if (conn_hung_up(&c->conn))
			client_close(c);
		c = next;
	}
	if (!TAILQ_EMPTY(&d->waiting))
		deadline_set(d->loop.deadlines, &d->hangup, now,
		    ROOM_HANGUP_MS);
}

void
room_wait(struct client *c, struct route *r)
{
	struct dispatcher *d = c->dispatcher;

	c->waits_for = r;
	TAILQ_INSERT_TAIL(&d->waiting, c, waiting_link);
	conn_wait(&c->conn);
	client_arm(c);
	if (deadline_is_set(&d->hangup))
		return;
	deadline_init(&d->hangup, room_hangup_cb, d);
	deadline_set(d->loop.deadlines, &d->hangup, loop_now(&d->loop),
	    ROOM_HANGUP_MS);
}

void
room_forget(struct client *c)
{
	struct dispatcher *d = c->dispatcher;

	room_subscribe(c, false);
	if (c->waits_for == NULL)
		return;
	c->waits_for = NULL;
	TAILQ_REMOVE(&d->waiting, c, waiting_link);
	if (TAILQ_EMPTY(&d->waiting))
		deadline_unset(d->loop.deadlines, &d->hangup);
}

/*
 * Whether a client that waits finds room now, when so many were let go on
 * already that may send a task each.
 */
static bool
room_is_there(const struct client *c, uint32_t gone)
{
	const struct dispatcher *d = c->dispatcher;
	const struct config *config = d->config;
	const struct pool *p = c->waits_for->pool;

	return pool_waiting(p) + gone < p->config->max_queue_size &&
	       !room_is_crowded(c->waits_for) &&
	       c->n_tasks < config->max_client_tasks &&
	       c->task_bytes <= config->max_client_bytes &&
	       dispatcher_bytes(d) <= config->max_queued_bytes;
}

/*
 * Lets the clients go on that have room; those that have not come last, so that
 * each is looked at.
 */
static void
room_release(struct dispatcher *d)
{
	uint32_t gone = 0;

	for (int i = 0; i < ROOM_LOOKS; i++) {
		struct client *c = TAILQ_FIRST(&d->waiting);
		bool there = c != NULL && room_is_there(c, gone);

		if (c == NULL)
			return;
		TAILQ_REMOVE(&d->waiting, c, waiting_link);
		if (!there) {
			TAILQ_INSERT_TAIL(&d->waiting, c, waiting_link);
			continue;
		}
		gone++;
		c->waits_for = NULL;
		conn_go_on(&c->conn);
		client_arm(c);
	}
}

const char *
room_pressure_name(const struct pool *p)
{
	return p->pressed ? "high" : "low";
}

/* Tells a client of a pool's mark. */
static void
room_tell(struct client *c, const struct pool *p)
{
	uint8_t head[ENVELOPE_HEAD_MAX];
	struct packed out;
	msgpack_packer pk;

	packed_init(&out, &pk);
	packed_add(&out, head,
	    envelope_notify(head, ROOM_METHOD, strlen(ROOM_METHOD), 1));
	room_pack(p, &pk);
	if (packed_send(&out, &c->conn) == -1)
		client_close_soon(c);
	packed_clear(&out);
}

void
room_pack(const struct pool *p, msgpack_packer *pk)
{
	msgpack_pack_map(pk, 4);
	answer_text(pk, "pool");
	answer_text(pk, p->config->name);
	answer_text(pk, "state");
	answer_text(pk, room_pressure_name(p));
	answer_number(pk, "queueSize", pool_waiting(p));
	answer_number(pk, "maxQueueSize", p->config->max_queue_size);
}

/* Looks whether a pool has passed one of its marks. */
static void
room_mark(struct dispatcher *d, struct pool *p)
{
	uint64_t fill = pool_waiting(p) * (uint64_t)PERCENT;
	uint64_t mark =
	    p->pressed ? d->config->queue_low_mark : d->config->queue_high_mark;
	struct client *c, *next;

	/* below the lower one, or at the upper one */
	if (p->pressed ? fill > p->config->max_queue_size * mark
		       : fill < p->config->max_queue_size * mark)
		return;
	p->pressed = !p->pressed;
	if (d->n_subscribed == 0)
		return;
	for (c = TAILQ_FIRST(&d->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->subscribed)
			room_tell(c, p);
	}
}

void
room_turn(struct dispatcher *d)
{
	struct pool *p;

	if (!TAILQ_EMPTY(&d->waiting))
		room_release(d);
	TAILQ_FOREACH(p, &d->pools, link)
		room_mark(d, p);
}

void
room_subscribe(struct client *c, bool on)
{
	if (c->subscribed == on)
		return;
	c->subscribed = on;
	if (on)
		c->dispatcher->n_subscribed++;
	else
		c->dispatcher->n_subscribed--;
}
