#ifndef MORO_CLIENT_REPLY_H
#define MORO_CLIENT_REPLY_H

/* Makes replies; moro.h has what reads them. */

#include "client/buffer.h"
#include "client/failure.h"
#include "client/lookup.h"
#include "client/moro.h"
#include "proto/scan.h"

/*
 * Takes the answer that `frame` describes off the head of `in`. Returns the
 * reply, or NULL: no memory; the bytes are consumed in any case.
 */
struct moro_reply *reply_take(struct buffer *in, const struct frame *frame);

/* A reply that bears a failure of our own; copies it. NULL: no memory. */
struct moro_reply *reply_failed(const struct failure *f);

/* A reply that bears a result of our own; copies it. NULL: no memory. */
struct moro_reply *reply_made(const void *bytes, size_t len);

/* The result's bytes; none when there is no result. */
struct value reply_value(const struct moro_reply *r);

#endif
