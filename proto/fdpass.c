#include "proto/fdpass.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for one control message, aligned as the kernel wants it. */
union fdpass_room {
	char bytes[CMSG_SPACE(FDPASS_MAX * sizeof(int))];
	struct cmsghdr align;
};

ssize_t
fdpass_send(int sock, const void *buf, size_t len, const int *fds, size_t n,
    int flags)
{
	union fdpass_room room;
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t sent;

	assert(n <= FDPASS_MAX);
	if (n > 0) {
		memset(&room, 0, sizeof room);
		msg.msg_control = room.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent;
}

/* Takes the descriptors of all control messages. */
static void
fdpass_collect(struct msghdr *msg, int fds[FDPASS_MAX], size_t *n)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t there = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds + *n, CMSG_DATA(c), there * sizeof(int));
		*n += there;
	}
}

ssize_t
fdpass_receive(int sock, void *buf, size_t len, int fds[FDPASS_MAX], size_t *n,
    int flags)
{
	union fdpass_room room;
	struct iovec iov = {buf, len};
	struct msghdr msg = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = room.bytes,
	    .msg_controllen = sizeof room.bytes,
	};
	ssize_t got;

	*n = 0;
	do
		got = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -1;
	fdpass_collect(&msg, fds, n);
	if (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
		while (*n > 0)
			close(fds[--*n]);
		errno = EPROTO;
		return -1;
	}
	return got;
}
