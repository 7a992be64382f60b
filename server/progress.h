#ifndef MORO_SERVER_PROGRESS_H
#define MORO_SERVER_PROGRESS_H

/*
 * What tasks report of their progress, on its way to clients: at most 20 a
 * second of a task, the latest wins; a client that reads slowly gets less.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "server/dispatcher.h"
#include "server/task.h"

/* The client wants to hear of this task. Returns 0, or -1: no memory. */
int progress_want(struct dispatcher *d, struct task *t);

/*
 * A worker's report, the len bytes of a value, scanned already; what is no map
 * of done, total and note is left out.
 */
void progress_note(struct dispatcher *d, struct task *t, const uint8_t *at,
    size_t len);

/* Whether a worker has told how far the task is; packs that as a map. */
bool progress_is_known(const struct task *t);
void progress_pack(const struct task *t, msgpack_packer *pk);

/* Forgets what was not sent; tasks that nobody wants to hear of are fine. */
void progress_free(struct dispatcher *d, struct task *t);

#endif
