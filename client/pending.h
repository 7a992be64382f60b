#ifndef MORO_CLIENT_PENDING_H
#define MORO_CLIENT_PENDING_H

/*
 * Requests that were sent: found by their number, kept in the order in which
 * they were made, until their answer is in the program's hands.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "client/moro.h"

enum pending_state {
	PENDING_SENT,
	PENDING_DROPPED, /* sent, and nobody wants the answer */
	PENDING_ANSWERED, /* waits to be taken; has no callback */
	PENDING_ENDED, /* waits for its callback to be called */
};

struct pending {
	TAILQ_ENTRY(pending) order;
	struct pending *chain; /* the next in the bucket */
	uint64_t number; /* the msgid */
	enum pending_state state;
	bool is_private; /* moro_call()'s: moro_wait_any() leaves it alone */
	moro_reply_cb cb; /* or NULL: the answer is kept */
	void *user;
	struct moro_reply *reply; /* owned; ANSWERED, ENDED; NULL: no memory */

	/* where the message stands in the stream of this connection */
	uint64_t at; /* bytes before it */
	size_t len; /* bytes of it */

	/* for connections that are made anew, see resend.h */
	bool again; /* may run twice: it is sent again */
	bool once; /* is not for another server: numbers begin anew there */
	bool cancelled; /* the program has enough of it */
	unsigned int losses; /* connections that were lost with it */
	uint64_t since; /* monotonic ms from which its limits count */
	struct letter *letter; /* owned; NULL: none is kept */
};

TAILQ_HEAD(pending_list, pending);

struct pendings {
	struct pending_list sent; /* SENT and DROPPED, oldest first */
	struct pending_list answered; /* in the order of the answers */
	struct pending_list ended; /* likewise */
	struct pending **buckets; /* owned */
	size_t n_buckets; /* a power of two, or 0 */
	size_t n; /* entries in the table */
	size_t n_sent; /* those that are SENT or ENDED */
	uint64_t last; /* number given last */
};

void pendings_init(struct pendings *ps);

/* Frees all entries and the answers in them. */
void pendings_clear(struct pendings *ps);

/* Makes an entry with the next number, SENT. NULL: no memory. */
struct pending *pending_new(struct pendings *ps, moro_reply_cb cb, void *user);

/* Takes the entry out and frees it, with the answer that it may hold. */
void pending_free(struct pendings *ps, struct pending *p);

/* The entry of a number, or NULL. */
struct pending *pending_find(const struct pendings *ps, uint64_t number);

/* From SENT to DROPPED. */
void pending_drop(struct pendings *ps, struct pending *p);

/* From SENT to ANSWERED; takes the reply. */
void pending_keep(struct pendings *ps, struct pending *p,
    struct moro_reply *reply);

/* From SENT to ENDED; takes the reply. */
void pending_end(struct pendings *ps, struct pending *p,
    struct moro_reply *reply);

/* Takes the reply out of an ANSWERED or ENDED entry and frees the entry. */
struct moro_reply *pending_take(struct pendings *ps, struct pending *p);

/* The oldest answer that moro_wait_any() may take, or NULL. */
struct pending *pending_first_answer(const struct pendings *ps);

/* Whether moro_wait_any() has anything to wait for. */
bool pending_awaited(const struct pendings *ps);

#endif
