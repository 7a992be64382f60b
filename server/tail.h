#ifndef MORO_SERVER_TAIL_H
#define MORO_SERVER_TAIL_H

/*
 * What a worker's libraries and tasks print on stdout and stderr: a pipe, whose
 * lines go to the log with the worker's name, and whose last ones are kept. It
 * is read promptly whatever happens, because a task must not hang for it; what
 * is too much is thrown away.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/deadline.h"
#include "server/log-limit.h"

struct event;
struct loop;

#define TAIL_KEPT 8 /* lines that are kept */
#define TAIL_KEPT_LINE 256 /* bytes of each, its NUL included */
#define TAIL_LINE 1024 /* bytes of a line in the log */
#define TAIL_LINES_A_SECOND 100 /* in the log */

struct tail_text;

struct tail {
	int fd; /* the reading end; -1: it is at its end, or closed */
	struct event *event;
	struct loop *loop;
	uint32_t slot; /* from 0 */
	pid_t pid; /* of the worker */
	struct log_limit limit;
	struct deadline summary; /* set while lines are left out */
	struct deadline pace; /* set while it is only looked at now and then */
	struct tail_text *text; /* NULL: it has printed nothing */
};

/*
 * Reads from now on what comes from fd, which is not blocking and the tail's
 * from now on, also on failure. Returns 0, or -1: no memory.
 */
int tail_init(struct tail *t, struct loop *loop, uint32_t slot, pid_t pid,
    int fd);

/*
 * The worker is dead: takes what is left, and closes. Who else holds the
 * other end (a process that a task started) is not waited for.
 */
void tail_end(struct tail *t);

/*
 * Reads until the worker, whose pidfd is given, has ended or the time (of
 * loop's clock, ms) has come. Nothing else happens meanwhile: it is for the end
 * of the process.
 */
void tail_wait(struct tail *t, int pidfd, uint64_t until);

/* Ends it, and forgets the lines. */
void tail_clear(struct tail *t);

/*
 * The i-th of the lines that were printed last, 0 the very last; NULL: there
 * is none. Printable UTF-8, valid until the worker prints again or is forgotten.
 */
const char *tail_last(const struct tail *t, unsigned int i);

#endif
