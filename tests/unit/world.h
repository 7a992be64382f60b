#ifndef MORO_TESTS_UNIT_WORLD_H
#define MORO_TESTS_UNIT_WORLD_H

/*
 * A connection in a real loop, the test at the other end of its socket: for
 * tests of what is read and of what is sent. Includes cmocka.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/fdpass.h"
#include "proto/limit.h"
#include "server/conn.h"

#define KIB ((size_t)1 << 10)
#define FRAMES 8 /* messages of a connection in a turn */
#define MANY (5 * FRAMES + 3) /* messages in one write */
#define EVENTS_MAX 8192
#define MESSAGE_MAX (ENVELOPE_HEAD_MAX + 1)
#define OWNS_FD 100000 /* from this msgid on a message owns a descriptor */

struct world;

/* A connection, and the other end of its socket. */
struct side {
	struct conn conn; /* first: the callbacks are given this */
	struct world *world;
	int peer; /* -1: closed */
	uint32_t sent; /* messages written so far, which is the next's id */
	uint32_t taken; /* messages handed out */
	uint32_t in_turn; /* of them, in this turn */
	uint32_t most; /* in any turn */
	bool replies; /* the peer writes the next one at once */
	struct chunk *answer; /* put out for each message, or NULL */
	/*
	 * What was called, in order: 'm' frame, 'f' fds, 'l' fds_left, 'e' eof,
	 * 'x' lost, 's' sent, 'k' stuck, 'r' release.
	 */
	char events[EVENTS_MAX];
	uint32_t n_events;
	int fds[FDPASS_MAX]; /* that came and belong to no message yet */
	uint32_t n_fds;
	uint32_t fd_sizes[FDPASS_MAX * 4]; /* of those that messages took */
	uint32_t n_fd_sizes;
};

/* A loop, and what the test does in its turns. */
struct world {
	struct loop loop;
	struct side a, b; /* b: only in some tests */
	bool has_b;
	uint32_t turns;
	void (*turn)(struct world *w); /* may set loop.stop */
	struct event *tick; /* made active to have one more turn at once */
	struct event *watchdog;
	void *user;
};

int world_setup(void **state);

int world_teardown(void **state);

/* Runs turns until one of them sets loop.stop; starts to count afresh. */
void world_run(struct world *w, void (*turn)(struct world *w));

/* Has a turn follow also when nothing happens. */
void world_tick(struct world *w);

/* Runs five turns, whether there is anything to do in them or not. */
void world_run_five(struct world *w);

void world_one_turn(struct world *w);

/* Waits for events until all that was written is handed out. */
void world_all_taken(struct world *w);

void world_ended(struct world *w);

/* Writes n messages in one call. */
void world_write(struct side *s, uint32_t n);

/* Writes a message, or its first `len` bytes, with descriptors. */
void world_write_part(struct side *s, uint32_t id, size_t from, size_t to,
    const int *fds, size_t n);

void world_hang_up(struct side *s);

void world_add_side(struct world *w, struct side *s);

/* That many messages, and nothing else. */
void world_check_messages(const struct side *s, uint32_t n);

/* A file that its size tells from others. */
int world_file(uint32_t size);

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
