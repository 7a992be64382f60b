#ifndef MORO_SERVER_BATCH_H
#define MORO_SERVER_BATCH_H

/*
 * Requests with the option `batch`: an array of data, of which each element is
 * a task of its own, and one answer with what became of each. The request is a
 * task of state GATHERING, the head; its members are tasks that answer to it
 * instead of to the client. Few of them exist at a time, whatever the array's
 * length, and they leave room in the queue: as one ends the next is queued.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/fault.h"
#include "proto/options.h"
#include "server/dispatcher.h"
#include "server/task.h"

#define BATCH_ELEMENTS_MAX 100000
#define BATCH_MEMBERS_MAX 256 /* members that exist at a time */

/*
 * Makes a task that has its data and options the head of a batch. Returns 0,
 * or -1 with the fault set: its data is no array, or too long, or there is no
 * memory.
 */
int batch_init(struct dispatcher *d, struct task *head, const struct options *o,
    struct fault *fault);

/* Frees what the above made, of a head that was not accepted. */
void batch_free(struct task *head);

/*
 * Queues members, or answers the request if there are no more; the head may be
 * gone afterwards. To be called when it was accepted, and when a member ended.
 */
void batch_go_on(struct dispatcher *d, struct task *head);

/*
 * Queues more members of batches that found no room before. Whether there were
 * any: they may be handed out, and make room again.
 */
bool batch_turn(struct dispatcher *d);

/* The head that a member answers to; NULL: it is none, or nobody waits. */
struct task *batch_head(const struct task *t);

/*
 * Takes the answer of a member, which then is none any more: the bytes of a
 * result, or a fault. A result that cannot stand in the answer is not taken:
 * -1 with the fault that is to be taken for it.
 */
int batch_take_result(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len, struct fault *fault);
void batch_take_fault(struct dispatcher *d, struct task *t,
    const struct fault *fault);

/* The head leaves: its members are dropped, and what they told. */
void batch_end(struct dispatcher *d, struct task *head);

/* Cancels all batches, because morod stops. */
void batch_stop(struct dispatcher *d);

#endif
