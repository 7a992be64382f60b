#ifndef MORO_SERVER_MSGIDS_H
#define MORO_SERVER_MSGIDS_H

/*
 * Finds an unfinished task by its client and msgid. Chains run through the
 * records: consecutive msgids, which all clients use, make a table with
 * probing crawl. (No library: uthash needs 56 bytes in each record.)
 */

#include <stdint.h>

#include "server/task.h"

struct msgids {
	struct task **buckets;
	uint32_t mask; /* buckets - 1, a power of two less one */
	uint32_t n;
};

/* Returns 0 or -1 when there is no memory. */
int msgids_init(struct msgids *m);
void msgids_clear(struct msgids *m);

struct task *msgids_find(const struct msgids *m, const struct client *client,
    uint64_t msgid);

/* Adds a task whose client and msgid are set and not there yet. */
void msgids_add(struct msgids *m, struct task *t);
void msgids_remove(struct msgids *m, struct task *t);

#endif
