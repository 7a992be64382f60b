#ifndef MORO_SERVER_LISTENER_H
#define MORO_SERVER_LISTENER_H

/*
 * The listening socket and the lock that makes it ours. The lock file stands
 * beside the socket ("PATH.lock"), so that two servers cannot take the same
 * stale socket away from each other.
 */

#include <stdbool.h>

struct listener {
	const char *path; /* borrowed */
	int fd; /* non-blocking, close-on-exec */
	int lock_fd; /* the master's alone */
	char lock_path[128];
};

/*
 * Takes the lock, replaces a stale socket, binds with mode 0660 and listens.
 * A live socket, and a file of another kind, are refused. `make_folder`: make
 * the folder of the path when it is not there. Returns 0, or -1 after one
 * line on stderr.
 */
int listener_open(struct listener *l, const char *path, bool make_folder);

/* Removes the socket and the lock file, and closes both. */
void listener_close(struct listener *l);

/* In a child: closes the lock without touching the files. */
void listener_forget_lock(struct listener *l);

#endif
