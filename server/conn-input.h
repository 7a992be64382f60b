#ifndef MORO_SERVER_CONN_INPUT_H
#define MORO_SERVER_CONN_INPUT_H

/*
 * The chunk that a connection reads into: how large it is, when it is moved, and
 * who waits until there is memory for a large message. For conn.c, and for who
 * gives memory back.
 */

#include "server/conn.h"

/*
 * Lets connections go on that have waited for memory, first come, first served:
 * there is some, or loop->in_max is another.
 */
void conn_input_feed(struct loop *l);

/*
 * Puts the input into another chunk, or none (NULL), of which `len` bytes are
 * there. Takes over the reference.
 */
void conn_input_set(struct conn *c, struct chunk *in, size_t len);

/* Counts c->in in loop->in_bytes, where it is another one than before. */
void conn_input_count(struct conn *c);

/*
 * Makes room for one read. A frame whose length is known already gets a
 * chunk of that size at once, so that it is not moved again. Returns 0, or -1
 * with errno: EAGAIN, large messages of others fill the memory that there is
 * for them, or others have waited longer for it: conn_input_starve(); ENOMEM.
 */
int conn_input_room(struct conn *c);

/*
 * After a read: gives back the chunk, or moves a short rest out of it, so
 * that an idle connection holds no more than it has sent.
 */
void conn_input_settle(struct conn *c);

/*
 * A message has ended that has left a large chunk (c->in_large > 0). Had it gone
 * over what there is for all, it had the right to that, not what is there of the
 * next one. And no large chunk is kept for a small rest where it may not be read
 * on for long, or where others may soon want it.
 */
void conn_input_end_large(struct conn *c);

/* Stops reading until there is memory for the message that comes. */
void conn_input_starve(struct conn *c);

/* It waits for memory no more, if it has. */
void conn_input_leave(struct conn *c);

/*
 * Tells the owner when a message begins to come in parts, when it ends, and when
 * it has to wait for memory.
 */
void conn_input_tell(struct conn *c);

#endif
