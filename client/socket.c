#include "client/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/io.h"

#define MS_PER_S 1000
#define US_PER_MS 1000

/*
 * Bytes of the send buffer: what every system allows without privileges. With
 * the kernel's default large requests take twice as long (measured).
 */
#define SOCKET_SEND_BUFFER 212992

#define SOCKET_ROOT_PATH "/run/moro/morod.sock"
#define SOCKET_NAME "morod.sock"

int
moro_default_path(char *out, size_t size)
{
	const char *path = getenv("MORO_SOCKET");
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int n = -1;

	if (path != NULL && path[0] != '\0')
		n = snprintf(out, size, "%s", path);
	else if (geteuid() == 0)
		n = snprintf(out, size, "%s", SOCKET_ROOT_PATH);
	else if (dir != NULL && dir[0] != '\0')
		n = snprintf(out, size, "%s/%s", dir, SOCKET_NAME);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

/* Says in words why connecting failed. */
static void
socket_failure(struct failure *f, const char *path, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		failure_set(f, MORO_NO_SERVER,
		    "no morod is running at %s: there is no such socket", path);
		break;
	case ECONNREFUSED:
		failure_set(f, MORO_NO_SERVER,
		    "no morod is running at %s: nobody listens there", path);
		break;
	case EACCES:
		failure_set(f, MORO_NO_SERVER,
		    "cannot connect to %s: the socket, or a folder of its "
		    "path, is not for uid %u: its group may use it, or whom "
		    "socket-mode lets",
		    path, (unsigned int)geteuid());
		break;
	case EAGAIN:
		failure_set(f, MORO_NO_SERVER,
		    "the server at %s accepts no connections", path);
		break;
	default:
		failure_set(f, MORO_NO_SERVER, "cannot connect to %s: %s", path,
		    strerror(error));
		break;
	}
}

/* How long connect() may wait for room in the server's backlog; 0: for ever. */
static int
socket_set_wait(int fd, uint64_t ms)
{
	struct timeval tv = {
	    .tv_sec = (time_t)(ms / MS_PER_S),
	    .tv_usec = (suseconds_t)(ms % MS_PER_S * US_PER_MS),
	};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

/*
 * Connects. A signal does not end it, and does not make it wait any longer.
 * Returns 0, or -1 with errno.
 */
static int
socket_try(int fd, const struct sockaddr_un *sun, uint64_t deadline)
{
	uint64_t now;
	int rc;

	do {
		now = deadline == 0 ? 0 : io_now();
		if (deadline != 0 && now >= deadline) {
			errno = EAGAIN;
			return -1;
		}
		if (deadline != 0 && socket_set_wait(fd, deadline - now) == -1)
			return -1;
		rc = connect(fd, (const struct sockaddr *)sun, sizeof *sun);
	} while (rc == -1 && errno == EINTR);
	return rc;
}

int
socket_connect(const char *path, uint64_t deadline, struct failure *f)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int type = SOCK_STREAM | SOCK_CLOEXEC;
	int fd;

	assert(strlen(path) < sizeof sun.sun_path);
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, deadline == 0 ? type | SOCK_NONBLOCK : type, 0);
	if (fd == -1) {
		failure_set(f, MORO_SYSTEM, "cannot make a socket: %s",
		    strerror(errno));
		return -1;
	}
	if (socket_try(fd, &sun, deadline) == -1) {
		socket_failure(f, path, errno);
		close(fd);
		return -1;
	}
	if (socket_prepare(fd, f) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
socket_prepare(int fd, struct failure *f)
{
	int size = SOCKET_SEND_BUFFER;
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    socket_set_wait(fd, 0) == -1) {
		failure_set(f, MORO_SYSTEM, "cannot use descriptor %d: %s", fd,
		    strerror(errno));
		return -1;
	}
	/* it works with any size, only more slowly */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}
