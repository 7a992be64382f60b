#ifndef MORO_CLIENT_HELLO_H
#define MORO_CLIENT_HELLO_H

/* The greeting that begins every connection. */

struct moro;
struct moro_reply;

#define HELLO_FEATURE_FD "fd" /* descriptors: proto/PROTOCOL.md, section 9 */

/* Sends it. Returns 0, or -1: the connection has ended. */
int hello_send(struct moro *m);

/* Takes the answer to it: the server's limits, or the connection's end. */
void hello_take(struct moro *m, struct moro_reply *reply);

/* The limits before the greeting is answered. */
void hello_reset(struct moro *m);

#endif
