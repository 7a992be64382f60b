#ifndef MORO_CLIENT_SOCKET_H
#define MORO_CLIENT_SOCKET_H

/* Gets a descriptor that is connected to a server. */

#include <stdbool.h>
#include <stdint.h>

#include "client/failure.h"

/*
 * Connects to the socket at path, which fits an address. While the server has
 * no room for one more it waits until the deadline (monotonic ms); 0: not at
 * all. Returns the descriptor, or -1 with *f set.
 */
int socket_connect(const char *path, uint64_t deadline, struct failure *f);

/* Makes a descriptor fit for us: close-on-exec, blocking, large buffer. */
int socket_prepare(int fd, struct failure *f);

#endif
