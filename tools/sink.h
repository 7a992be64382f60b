#ifndef MORO_TOOLS_SINK_H
#define MORO_TOOLS_SINK_H

/*
 * Where moroctl's output goes. A file is written without a name, or under
 * another one beside its place, and renamed: it is there whole or not at all.
 */

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* A file that is being written by somebody else. */
struct sink {
	int fd; /* to write to; -1: none */
	bool replaces; /* it is to take the place of `path` */
	bool nameless; /* and has no name yet; else it is `beside` */
	bool held; /* signals wait until it has; `mask` is the one before */
	bool secret; /* a new file for its owner alone, whatever was there */
	sigset_t mask;
	char path[PATH_MAX]; /* "": standard output */
	char beside[PATH_MAX];
};

/*
 * Gives a descriptor to write to. NULL and "-": standard output. Returns 0, or
 * EXIT_FAILED after complaining.
 */
int sink_open(struct sink *s, const char *path);

/*
 * Puts what was written where it belongs, and closes. Returns 0, or
 * EXIT_FAILED after complaining.
 */
int sink_keep(struct sink *s);

/* Closes, and nothing is left. */
void sink_drop(struct sink *s);

/*
 * Writes bytes, and a newline if asked to. NULL and "-": standard output.
 * Returns 0, or EXIT_FAILED after complaining.
 */
int sink_write(const char *path, const void *bytes, size_t len, bool newline);

/*
 * The same for a secret: what comes to be there is a new file that only its
 * owner may read. An older one goes, and with it its mode; so does a symbolic
 * link, and what it names stays. Devices and pipes are written directly.
 */
int sink_write_secret(const char *path, const void *bytes, size_t len,
    bool newline);

/* Whether output there would be read by a person's terminal. */
bool sink_is_terminal(const char *path);

#endif
