#ifndef MORO_WORKER_LANDLOCK_H
#define MORO_WORKER_LANDLOCK_H

/*
 * Landlock: the kernel lets a process open nothing but what it was told before.
 * Descriptors that it has already, and those that it is handed, are not touched.
 */

#include <stdbool.h>
#include <stddef.h>

/* Versions that brought more than files. */
#define LANDLOCK_VERSION_NET 4
#define LANDLOCK_VERSION_SCOPES 6

/* A file, or a folder with all that is below it. */
struct landlock_path {
	const char *path;
	bool write; /* not only read */
	bool
	    files; /* no folder is opened: one of /proc is a process's handle */
};

/* What is closed besides files. */
enum landlock_scope {
	LANDLOCK_OTHERS = 1 << 0, /* signals to processes outside */
};

/* The version that the kernel offers; 0: it has none, or it is switched off. */
int landlock_version(void);

/*
 * From now on this thread, and what it starts, opens only these. A path that is
 * not there opens nothing. Network by TCP and abstract sockets are closed as
 * well, as far as the kernel can, and what `scopes` names. Needs no_new_privs.
 * Returns 0, or -1 with errno.
 */
int landlock_enter(const struct landlock_path *paths, size_t n,
    unsigned int scopes);

#endif
