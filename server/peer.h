#ifndef MORO_SERVER_PEER_H
#define MORO_SERVER_PEER_H

/* Who is at the other end of a Unix socket, by the kernel's word: unix(7). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
	pid_t pid; /* 0: the kernel does not say */
	uid_t uid; /* (uid_t)-1: likewise; it is nobody then */
	gid_t *groups; /* its primary group first; owned */
	size_t n_groups;
};

/*
 * Asks who it was that connected, with all its groups. Returns 0 with what
 * peer_clear() frees; -1: it is not known, and nobody must be let in unasked.
 */
int peer_of(int fd, struct peer *peer);

/* Whether it is in the group. */
bool peer_in(const struct peer *peer, gid_t group);

void peer_clear(struct peer *peer);

#endif
