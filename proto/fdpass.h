#ifndef MORO_PROTO_FDPASS_H
#define MORO_PROTO_FDPASS_H

/*
 * Sending and receiving bytes together with file descriptors (SCM_RIGHTS,
 * unix(7)) on a connected Unix socket.
 */

#include <stddef.h>
#include <sys/types.h>

#define FDPASS_MAX 8 /* descriptors with one message */
#define FDPASS_AHEAD 64 /* those of tasks that a worker has not begun yet */

/*
 * Sends len bytes with n descriptors, which stay the caller's. Returns what
 * sendmsg() does; `flags` are its flags.
 */
ssize_t fdpass_send(int sock, const void *buf, size_t len, const int *fds,
    size_t n, int flags);

/*
 * Receives at most len bytes and the descriptors with them, close-on-exec and
 * the caller's from now on; *n is set to their number. A message with more
 * than FDPASS_MAX, or cut by the kernel, fails with EPROTO and leaves no
 * descriptor open.
 */
ssize_t fdpass_receive(int sock, void *buf, size_t len, int fds[FDPASS_MAX],
    size_t *n, int flags);

#endif
