#include "server/channel.h"

#include <errno.h>
#include <sys/socket.h>

int
channel_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);
}

int
channel_send(int fd, const struct message *m, const int *fds, size_t n,
    int flags)
{
	return fdpass_send(fd, m, sizeof *m, fds, n, flags) == -1 ? -1 : 0;
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
