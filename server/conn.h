#ifndef MORO_SERVER_CONN_H
#define MORO_SERVER_CONN_H

/*
 * One stream socket of the dispatcher, a client's or a worker's: reads into
 * chunks, cuts frames with the scanner, collects output and sends it once a
 * turn. It knows nothing of tasks; its owner embeds it and gives callbacks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/scan.h"
#include "server/loop.h"
#include "server/outbox.h"

/* One whole message, and the chunk that it stands in. */
struct message_in {
	const uint8_t *bytes; /* valid during the callback */
	const struct frame *frame;
	struct chunk *chunk; /* reference it to keep bytes */
};

struct conn_ops {
	/* A message came. May close the connection. */
	void (*frame)(struct conn *c, const struct message_in *m);
	/* The bytes are no message: nothing more is read. */
	void (*broken)(struct conn *c, enum scan_fault fault);
	/* The peer sends no more. Nothing more is read. */
	void (*eof)(struct conn *c);
	/* The socket failed; err is an errno, EPROTO: too many descriptors. */
	void (*lost)(struct conn *c, int err);
	/* All output is gone to the kernel; may be NULL. */
	void (*sent)(struct conn *c);
	/* Some of the output did not go; may be NULL. */
	void (*stuck)(struct conn *c);
	/* There is news of c->part. May be NULL. */
	void (*partial)(struct conn *c);
	/*
	 * Descriptors came, which are the owner's from now on; called before
	 * the messages that they came with. Only with `takes_fds`.
	 */
	void (*fds)(struct conn *c, const int *fds, size_t n);
	/* `holds_fds`, and all messages that could own them were handed out. */
	void (*fds_left)(struct conn *c);
	/* Closed before; frees the owner. */
	void (*release)(struct conn *c);
};

/* What is there of the message that comes next. */
enum conn_part {
	CONN_PART_NONE,
	CONN_PART_COMES, /* its first bytes are there, and not all */
	CONN_PART_WAITS, /* the same, and no more until there is memory */
};

/* Why a connection is not read from; or-ed together. */
enum conn_hold {
	CONN_HOLD_OWNER = 1, /* conn_pause() */
	CONN_HOLD_MEMORY = 2, /* in loop->starved */
	CONN_HOLD_TURN = 4, /* messages are left that were not looked at */
	CONN_HOLD_WAIT = 8, /* conn_wait() */
	CONN_HOLDS_OWNER = CONN_HOLD_OWNER | CONN_HOLD_WAIT,
};

struct conn {
	TAILQ_ENTRY(conn) link; /* in the loop's dirty or closed list */
	TAILQ_ENTRY(conn) held_link; /* in the loop's starved or ready list */
	struct loop *loop;
	const struct conn_ops *ops;
	int fd; /* -1 once closed */
	struct event *read_event;
	struct event *write_event; /* made when it is first needed */
	struct chunk *in; /* bytes that were not scanned to a frame's end */
	size_t in_start; /* of the frame that is being read */
	size_t in_end;
	size_t in_large; /* what `in` counts in loop->in_bytes */
	struct scan scan;
	uint32_t turn; /* the loop's, in which it was looked at last */
	uint32_t frames; /* messages handed out in that turn */
	struct outbox out;
	bool dirty; /* in loop->dirty */
	uint8_t holds; /* enum conn_hold: why it is not read from */
	bool queued; /* in loop->ready, or ready_free */
	/*
	 * It may have to wait for memory, and for its turn (set by the owner,
	 * at once). A worker's never does: the answers it brings are what is
	 * waited for.
	 */
	bool metered;
	bool takes_fds; /* descriptors that come are given to ops->fds */
	bool holds_fds; /* set by the owner: some belong to no message yet */
	bool whole; /* all messages at once, whatever a turn may do */
	bool reading; /* read_event is set */
	bool writing; /* write_event is set */
	bool ended; /* EOF was seen or the input is broken */
	bool edge; /* events are edge-triggered: see conn_watch_hangup() */
	uint8_t part; /* enum conn_part, as `partial` knows it */
	bool fresh; /* a message ended since */
};

/*
 * Takes over a connected non-blocking socket and begins to read. Returns 0,
 * or -1 when there is no memory (fd stays the caller's).
 */
int conn_init(struct conn *c, struct loop *l, const struct conn_ops *ops,
    int fd, const struct limits *limits);

/*
 * Takes what another connection to the same peer has read and not handed out,
 * which is looked at in the next turn, and what it has not sent. Called from
 * its `frame`, or outside of it; it has nothing then, and is to be closed.
 */
void conn_inherit(struct conn *c, struct conn *from);

/* Nothing more is read; what is to be sent goes on. Not for ever: close it. */
void conn_end(struct conn *c);

/* Closes the socket at once; `release` is called at the end of the turn. */
void conn_close(struct conn *c);

/* Frees everything; the loop calls it, then ops->release. */
void conn_release(struct conn *c);

/* Takes the messages that were left in the turn before; the loop calls it. */
void conn_continue(struct conn *c);

/* Stops and resumes reading; after EOF it stays stopped. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/*
 * The same for another reason, also amid the messages that were read already:
 * no more of them is handed out until it may go on.
 */
void conn_wait(struct conn *c);
void conn_go_on(struct conn *c);

/* Stops reading for a reason; one less, reads again when it was the last. */
void conn_hold(struct conn *c, enum conn_hold why);
void conn_unhold(struct conn *c, enum conn_hold why);

/* Whether the peer has closed both halves. */
bool conn_hung_up(const struct conn *c);

/*
 * After EOF: has `lost` called when the peer closes its other half as well.
 * Returns true when that has happened already; `lost` is not called then.
 */
bool conn_watch_hangup(struct conn *c);

/* Reads and scans all that is there, for a peer that is known to be dead. */
void conn_read_rest(struct conn *c);

/* The next byte of output brings descriptors. Takes a reference. */
void conn_attach(struct conn *c, struct fdset *fdset);

/* Has the connection flushed at the end of the turn. */
void conn_mark_dirty(struct conn *c);

/*
 * Appends len bytes of output, which the caller writes at once to the place
 * that is given. NULL: no memory.
 */
static inline uint8_t *
conn_room(struct conn *c, size_t len)
{
	size_t before = c->out.bytes;
	uint8_t *at;

	if (!c->dirty)
		conn_mark_dirty(c);
	at = outbox_room(&c->out, len);
	c->loop->out_bytes += c->out.bytes - before;
	return at;
}

/*
 * Appends output; it is sent at the end of the turn. -1: no memory, and from
 * then on always: nothing may stand behind half a message.
 */
int conn_copy(struct conn *c, const void *bytes, size_t len);
int conn_add(struct conn *c, const uint8_t *at, size_t len,
    struct chunk *chunk);

/* The same as when there is no memory for output. */
void conn_fail(struct conn *c);

/* Forgets output: the peer takes no more, but what it sent is still read. */
void conn_drop_output(struct conn *c);

/* Sends what it can now; the loop calls it. */
void conn_flush(struct conn *c);

#endif
