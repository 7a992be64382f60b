#ifndef MORO_SERVER_OBITUARY_H
#define MORO_SERVER_OBITUARY_H

/* The one line that the log has for a worker's death. */

#include <stdint.h>

#include "server/channel.h"
#include "server/note.h"

struct slot;

#define OBITUARY_REASON 64 /* bytes of a reason, its NUL included */

/* What is known of a worker before its death, for the line at its death. */
struct obituary {
	uint64_t born_ms; /* when the dispatcher heard of it */
	uint64_t tasks_before; /* of the slot, by those before it */
	char reason[OBITUARY_REASON]; /* why it is killed on purpose, or "" */
	struct note task; /* that it ran */
};

/* A new worker came to the slot. */
void obituary_begin(struct slot *s);

/*
 * Notes why the slot's worker is killed on purpose ("timeout"; NULL: it is
 * not), and the task that it runs (NULL: none). Called before that is answered.
 * The first reason counts. Without a worker nothing happens.
 */
void obituary_note(struct slot *s, const char *reason, const struct task *t);

/*
 * The task that was noted has lost its client before: n was taken of it while
 * it had one. Without a worker that is killed for it nothing happens.
 */
void obituary_complete(struct slot *s, const struct note *n);

/*
 * Writes the line, when all that the worker left is read: a warning for a
 * death that nobody asked for, else of level info.
 */
void obituary_write(const struct slot *s, const struct message *m);

/*
 * Writes what is known of the death of a worker that the dispatcher could not
 * take (slot from 0), or of which the master could not tell it.
 */
void obituary_write_stranger(const struct message *m);

#endif
