#ifndef MORO_CLIENT_CALL_H
#define MORO_CLIENT_CALL_H

/* Sends requests and waits for answers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/failure.h"
#include "client/moro.h"
#include "proto/scan.h"

/* What is asked of the server; everything is borrowed. */
struct request {
	const char *type; /* a task type, or a control method */
	const void *data; /* one MessagePack value, or NULL */
	size_t len;
	const struct msgpack_object *object; /* instead of data, or NULL */
	const struct moro_options *options; /* or NULL */
	bool greeting; /* goes out before the server has greeted us */
	bool once; /* means something to the server of now, and to no other */
};

/* What is said of a server that knows no descriptors; the path goes in. */
#define CALL_NO_FDS "the server at %s takes no descriptors"

/*
 * Appends a request to what is to be written. Returns its number, or 0 with
 * the failure noted. Runs no callbacks. A private request is one that
 * moro_wait_any() does not see.
 */
uint64_t call_send(struct moro *m, const struct request *rq, moro_reply_cb cb,
    void *user, bool is_private);

/*
 * Appends a notification, which nobody answers. Returns 0, or -1 with the
 * failure noted. Runs no callbacks.
 */
int call_notify(struct moro *m, const struct request *rq);

/*
 * Checks a message as the server will: what is not one whole message within its
 * limits would cost the connection. Returns 0 and what is where in the
 * message, or -1 and why not.
 */
int call_check(const struct moro *m, const uint8_t *bytes, size_t size,
    struct frame *frame, struct failure *f);

/* As moro_call(). */
struct moro_reply *call_wait(struct moro *m, const struct request *rq);

#endif
