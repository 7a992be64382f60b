#ifndef MORO_SERVER_CHANNEL_H
#define MORO_SERVER_CHANNEL_H

/*
 * What master and dispatcher tell each other, over a socketpair of sequenced
 * packets. Both ends are the same program, so the struct is the format.
 */

#include <stdint.h>
#include <sys/types.h>

#include "proto/fdpass.h"

enum message_type {
	/* master to dispatcher */
	MSG_MASTER_SPAWNED, /* slot, generation, pid; fds: see below */
	/* slot, generation, pid, status (waitpid); n: ms until the next one */
	MSG_MASTER_REAPED,
	MSG_MASTER_DRAIN, /* finish what is accepted, take no more */
	MSG_MASTER_STOP, /* answer what is left and exit; n: 1 at once */
	MSG_MASTER_RELOADED, /* n: 1 a new configuration; fds: server/reload.c */
	MSG_MASTER_SCALE, /* n: 1 or -1 worker more in the first pool */
	/* dispatcher to master */
	MSG_DISPATCHER_READY, /* all workers have answered once */
	MSG_DISPATCHER_KILLED, /* slot, generation: the death is wanted */
	MSG_DISPATCHER_WANT, /* slot, n: enum channel_wish */
	MSG_DISPATCHER_RELOAD, /* a client may and did ask for it */
	MSG_DISPATCHER_SHUTDOWN, /* a client may and did ask; n: 1 now */
	MSG_DISPATCHER_DRAINED, /* nothing is left to do; it exits now */
	MSG_DISPATCHER_LOG_LEVEL, /* n: enum log_level */
};

/* Whether a slot is to have a worker. */
enum channel_wish {
	WISH_NONE, /* what there is, is killed */
	WISH_WORKER,
	WISH_LEAVES, /* what there is, goes by itself */
};

/* Descriptors with MSG_MASTER_SPAWNED, in this order. */
enum spawned_fd {
	SPAWNED_SOCKET, /* the dispatcher's end of the worker's socketpair */
	SPAWNED_PIDFD,
	SPAWNED_PAGE, /* memory shared with the worker: proto/page.h */
	SPAWNED_OUTPUT, /* pipe with what it prints: server/tail.h */
	SPAWNED_FDS,
};

#define CHANNEL_NO_NEXT UINT64_MAX /* no other worker comes */

struct message {
	enum message_type type;
	uint32_t slot;
	uint32_t generation; /* counts the workers of a slot */
	uint32_t restarts; /* of the slot, wanted ones left out */
	pid_t pid;
	int status; /* as waitpid() gives it */
	uint64_t n;
};

/*
 * Makes the pair, close-on-exec: the master's end first. There a message that
 * the dispatcher does not take within two seconds fails with EAGAIN. Returns 0
 * or -1 with errno.
 */
int channel_pair(int fds[2]);

/*
 * Sends one message; `flags` 0 or MSG_DONTWAIT. Returns 0 or -1 with errno.
 * Without MSG_DONTWAIT the channel is at its end when the time has run out.
 */
int channel_send(int fd, const struct message *m, const int *fds, size_t n,
    int flags);

/*
 * Receives one message. Returns 1, 0 at the end of the channel, or -1 with
 * errno (EAGAIN: none there).
 */
int channel_receive(int fd, struct message *m, int fds[FDPASS_MAX], size_t *n);

#endif
