#ifndef MORO_SERVER_MASTER_H
#define MORO_SERVER_MASTER_H

#include "server/config.h"

/*
 * The master process: binds the socket, starts the dispatcher and the
 * workers, replaces the dead, and stops all of them. It reads no byte that a
 * client or a worker wrote. Returns the exit status of morod.
 */
int master_main(const struct config *config);

#endif
