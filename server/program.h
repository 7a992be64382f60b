#ifndef MORO_SERVER_PROGRAM_H
#define MORO_SERVER_PROGRAM_H

/* Workers that are programs: how they are started, and how they begin. */

#include <stdint.h>

#include "server/config.h"
#include "worker/quota.h"

struct slot;
struct message_in;

#define PROGRAM_CHANNEL 3 /* the descriptor of its socket */
#define PROGRAM_HELLO 0 /* the msgid of morod's first message */

struct program_setup {
	const struct pool_config *pool;
	unsigned int number; /* of its slot, from 1 */
	int sock; /* its end of the socketpair; blocking */
	int output; /* the pipe for what it prints */
	const char *server; /* the path of morod's own socket */
};

/*
 * Becomes the program. Called in a process that was just forked; it ends with
 * a line in the log if that cannot be.
 */
_Noreturn void program_exec(const struct program_setup *setup);

/*
 * Dispatcher: begins with a program that was started. It has a time to answer,
 * and gets no task before.
 */
void program_begin(struct slot *s);

/* Takes the answer. True: it is ready; else the worker is given up. */
bool program_hello(struct slot *s, const struct message_in *m);

/* Asks it to stop a task by itself. */
void program_cancel(struct slot *s, uint32_t msgid);

#endif
