#ifndef MORO_SERVER_SUBMIT_H
#define MORO_SERVER_SUBMIT_H

#include "server/client.h"

/*
 * A request or notification whose method is a task type: accepts it as a
 * task, or refuses it with an error that says why. False: it is none.
 */
bool submit_task(struct client *c, const struct message_in *m);

#endif
