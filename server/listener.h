#ifndef MORO_SERVER_LISTENER_H
#define MORO_SERVER_LISTENER_H

/*
 * The listening socket and the lock that makes it ours. The lock file stands
 * beside the socket ("PATH.lock"), so that two servers cannot take the same
 * stale socket away from each other.
 */

#include <stdbool.h>
#include <sys/types.h>

struct listener {
	const char *path; /* borrowed */
	int fd; /* non-blocking, close-on-exec */
	int lock_fd; /* the master's alone */
	char lock_path[128];
	gid_t group; /* of the socket */
	dev_t dev; /* of its file */
	ino_t ino;
};

/* Where to listen, and who may connect. */
struct listener_place {
	/* fits a sockaddr_un; borrowed for as long as the listener is open */
	const char *path;
	bool make_folder; /* when the path's is not there */
	bool has_group;
	gid_t group;
	mode_t mode; /* permission bits */
};

/*
 * Takes the lock, replaces a stale socket, binds and listens; nobody can
 * connect before group and mode are right. A live socket, and a file of another
 * kind, are refused. Returns 0, or -1 after one line on stderr.
 */
int listener_open(struct listener *l, const struct listener_place *place);

/* Removes the socket and the lock file, and closes both. */
void listener_close(struct listener *l);

#endif
