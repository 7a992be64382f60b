#ifndef MORO_CLIENT_SOCKET_H
#define MORO_CLIENT_SOCKET_H

/* Gets a descriptor that is connected to a server. */

#include <stdbool.h>
#include <stdint.h>

#include "client/failure.h"

/*
 * Connects to the socket at path, waiting at most wait_ms while the server
 * accepts nobody; 0: without waiting. Returns the descriptor, or -1 with *f
 * set.
 */
int socket_connect(const char *path, uint64_t wait_ms, struct failure *f);

/* Makes a descriptor fit for us: close-on-exec, blocking, large buffer. */
int socket_prepare(int fd, struct failure *f);

#endif
