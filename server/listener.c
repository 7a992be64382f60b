#include "server/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/log.h"

#define LISTENER_BACKLOG 4096 /* the kernel takes less if it must */
#define LISTENER_UMASK 0177 /* until it has its group: for the owner alone */
#define LISTENER_FOLDER_MODE 0755
#define LISTENER_SELF 32 /* bytes of a descriptor's name in /proc */
#define LOCK_TRIES 16

/* Says what is wrong with the path; gives -1. */
static int
listener_fail(const struct listener *l, const char *what)
{
	log_say(LEVEL_ERROR, "%s: %s", l->path, what);
	return -1;
}

static int
listener_fail_errno(const struct listener *l, const char *what)
{
	log_say(LEVEL_ERROR, "%s: %s: %s", l->path, what, strerror(errno));
	return -1;
}

/* Whether the locked file is still the one that the path names. */
static bool
listener_lock_current(const struct listener *l)
{
	struct stat ours, there;

	return fstat(l->lock_fd, &ours) == 0 &&
	       lstat(l->lock_path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/*
 * Takes the lock. A server that stops removes its lock file, so a lock that
 * was got on a file which is gone by then is worth nothing: try again.
 */
static int
listener_lock(struct listener *l)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		l->lock_fd = open(l->lock_path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (l->lock_fd == -1)
			return listener_fail_errno(l, "cannot make the lock");
		if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == -1) {
			close(l->lock_fd);
			l->lock_fd = -1;
			return listener_fail(l,
			    "another morod runs on this socket");
		}
		if (listener_lock_current(l))
			return 0;
		close(l->lock_fd);
		l->lock_fd = -1;
	}
	return listener_fail(l, "the lock file keeps changing");
}

/* Whether somebody answers on the socket that is there. */
static bool
listener_live(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live;

	if (fd == -1)
		return true;
	live = connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 ||
	       errno != ECONNREFUSED;
	close(fd);
	return live;
}

/* Makes room at the path: removes a socket that nobody answers on. */
static int
listener_clear_path(struct listener *l, const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(l->path, &st) == -1)
		return errno == ENOENT
			   ? 0
			   : listener_fail_errno(l, "cannot look at it");
	if (!S_ISSOCK(st.st_mode))
		return listener_fail(l,
		    "is there and is no socket; not touching it");
	if (listener_live(addr))
		return listener_fail(l, "a server answers on this socket");
	if (unlink(l->path) == -1)
		return listener_fail_errno(l, "cannot remove the stale socket");
	return 0;
}

/* Gives the socket its group, and lets in who may come. */
static int
listener_open_up(struct listener *l, const struct listener_place *place)
{
	int fd = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = -1;
	char self[LISTENER_SELF];
	struct stat st;

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	/* what stands at the path may be another's by now: not that is opened up */
	if (fd == -1 && errno != ENOENT && errno != ELOOP)
		listener_fail_errno(l, "cannot look at the socket");
	else if (fd == -1 || fstat(fd, &st) == -1 || !S_ISSOCK(st.st_mode))
		listener_fail(l, "the socket is not there any more");
	else if (place->has_group &&
		 fchownat(fd, "", (uid_t)-1, place->group, AT_EMPTY_PATH) == -1)
		listener_fail_errno(l, "cannot give it its group");
	else if (chmod(self, place->mode) == -1)
		listener_fail_errno(l, "cannot set its mode");
	else
		rc = fstat(fd, &st);
	if (rc == 0) {
		l->group = st.st_gid;
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	if (fd != -1)
		close(fd);
	return rc;
}

static int
listener_bind(struct listener *l, const struct sockaddr_un *addr,
    const struct listener_place *place)
{
	mode_t old;
	int rc;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd == -1)
		return listener_fail_errno(l, "cannot make a socket");
	old = umask(LISTENER_UMASK);
	rc = bind(l->fd, (const struct sockaddr *)addr, sizeof *addr);
	umask(old);
	if (rc == -1)
		return listener_fail_errno(l, "cannot bind");
	if (listener_open_up(l, place) == -1) {
		unlink(l->path);
		return -1;
	}
	if (listen(l->fd, LISTENER_BACKLOG) == -1)
		return listener_fail_errno(l, "cannot listen");
	return 0;
}

/* Makes the folder that the path is in, one level. */
static int
listener_folder(struct listener *l)
{
	char folder[sizeof l->lock_path];
	char *slash;

	snprintf(folder, sizeof folder, "%s", l->path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, LISTENER_FOLDER_MODE) == -1 && errno != EEXIST)
		return listener_fail_errno(l, "cannot make its folder");
	return 0;
}

int
listener_open(struct listener *l, const struct listener_place *place)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = place->path;

	l->path = path;
	l->fd = -1;
	l->lock_fd = -1;
	assert(strlen(path) < sizeof addr.sun_path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	snprintf(l->lock_path, sizeof l->lock_path, "%s.lock", path);
	if (place->make_folder && listener_folder(l) == -1)
		return -1;
	if (listener_lock(l) == -1)
		return -1;
	if (listener_clear_path(l, &addr) == -1 ||
	    listener_bind(l, &addr, place) == -1) {
		unlink(l->lock_path);
		close(l->lock_fd);
		if (l->fd != -1)
			close(l->fd);
		return -1;
	}
	return 0;
}

/* Whether our socket still stands at the path, and not another's. */
static bool
listener_is_there(const struct listener *l)
{
	struct stat there;

	return lstat(l->path, &there) == 0 && there.st_ino == l->ino &&
	       there.st_dev == l->dev;
}

void
listener_close(struct listener *l)
{
	if (listener_is_there(l))
		unlink(l->path);
	close(l->fd);
	if (listener_lock_current(l))
		unlink(l->lock_path);
	close(l->lock_fd);
}
