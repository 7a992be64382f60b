#include "server/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A dispatcher that takes no message for so long is hung. */
#define CHANNEL_SEND_S 2

int
channel_pair(int fds[2])
{
	struct timeval limit = {.tv_sec = CHANNEL_SEND_S};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	return setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit,
	    sizeof limit);
}

int
channel_send(int fd, const struct message *m, const int *fds, size_t n,
    int flags)
{
	if (fdpass_send(fd, m, sizeof *m, fds, n, flags) != -1)
		return 0;
	/* What a hung peer missed cannot be made good: it is given up. */
	if (flags == 0 && errno == EAGAIN)
		shutdown(fd, SHUT_RDWR);
	return -1;
}

int
channel_receive(int fd, struct message *m, int fds[FDPASS_MAX], size_t *n)
{
	ssize_t got = fdpass_receive(fd, m, sizeof *m, fds, n, MSG_DONTWAIT);

	if (got <= 0)
		return (int)got;
	if ((size_t)got != sizeof *m) {
		errno = EPROTO;
		return -1;
	}
	return 1;
}
