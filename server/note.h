#ifndef MORO_SERVER_NOTE_H
#define MORO_SERVER_NOTE_H

/*
 * What is noted down of a task for lines about it that are written when the
 * task itself is gone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/limit.h"
#include "server/log.h"
#include "server/task.h"

#define NOTE_TYPE 64 /* bytes of a type's name, its NUL included */

struct note {
	char type[NOTE_TYPE]; /* "": there was no task */
	uint64_t
	    client; /* the connection's number; 0: nobody waits (any more) */
	uint64_t msgid; /* of a request; a notification has none */
	bool notify;
	uint16_t id_len; /* 0: it has no id */
	char id[LIMIT_ID]; /* the caller's, not cleaned */
};

/* Notes down what there is to say of a task. */
void note_take(struct note *n, const struct task *t);

/* Adds that to a line's fields: task, client, msgid, id; borrows n. */
void note_fields(const struct note *n, struct log_context *c);

#endif
