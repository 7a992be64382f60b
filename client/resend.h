#ifndef MORO_CLIENT_RESEND_H
#define MORO_CLIENT_RESEND_H

/*
 * What becomes of requests when their connection is lost and made anew. What
 * was not sent is sent then; what was sent may have run, and is sent again
 * only if it may run twice; all else is answered MORO_LOST.
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/failure.h"
#include "proto/scan.h"

struct moro;
struct pending;

/* On how many connections a request is lost before it is given up. */
#define RESEND_LOSSES 4

/* Whether nothing is written at present, but kept for later. */
bool resend_holds(const struct moro *m);

/*
 * Keeps the message, which `frame` describes, with its descriptors. Returns 0,
 * or -1 with errno.
 */
int resend_keep(struct moro *m, struct pending *p, const uint8_t *bytes,
    const struct frame *frame, const int *fds, uint32_t n);

/* Keeps all that was not sent, before the output is thrown away. */
void resend_salvage(struct moro *m);

/* After a loss: answers, with f, all that is not to be sent again. */
void resend_sort(struct moro *m, const struct failure *f);

/* Sends what was kept. Runs no callbacks. */
void resend_all(struct moro *m);

/*
 * Answers what has waited too long. Returns when that is so of the next one.
 */
uint64_t resend_expire(struct moro *m, uint64_t now);

/* Answers a request that is cancelled while it waits here. */
void resend_cancel(struct moro *m, struct pending *p);

#endif
