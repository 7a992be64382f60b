#ifndef MORO_SERVER_CONTROL_H
#define MORO_SERVER_CONTROL_H

#include "server/client.h"

#define CONTROL_PROTO 1 /* of the wire: proto/PROTOCOL.md, section 1 */

/*
 * A request or notification that is no task: hello, ping, stats, types, log,
 * shutdown. The dispatcher answers these itself, also when all workers are
 * busy. proto/PROTOCOL.md, section 5.
 */
void control_call(struct client *c, const struct message_in *m);

#endif
