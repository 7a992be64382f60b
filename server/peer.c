#include "server/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PEER_GROUPS 32 /* room at first; most have fewer */

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13; not in every libc's headers */
#endif

/* Adds its further groups. False: no memory, or the kernel does not say. */
static bool
peer_more_groups(int fd, struct peer *p)
{
	socklen_t len = PEER_GROUPS * sizeof(gid_t);

	for (;;) {
		gid_t *groups = realloc(p->groups, sizeof(gid_t) + len);

		if (groups == NULL)
			return false;
		p->groups = groups;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1,
			&len) == 0)
			break;
		if (errno == ENOPROTOOPT)
			return true; /* an old kernel: the first one is known */
		if (errno != ERANGE) /* which tells how much room it takes */
			return false;
	}
	p->n_groups += len / sizeof(gid_t);
	return true;
}

int
peer_of(int fd, struct peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	*p = (struct peer){.uid = (uid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return -1;
	if (!peer_more_groups(fd, p)) {
		peer_clear(p);
		return -1;
	}
	p->pid = cred.pid;
	p->uid = cred.uid;
	p->groups[0] = cred.gid;
	p->n_groups++;
	return 0;
}

bool
peer_in(const struct peer *p, gid_t group)
{
	for (size_t i = 0; i < p->n_groups; i++) {
		if (p->groups[i] == group)
			return true;
	}
	return false;
}

void
peer_clear(struct peer *p)
{
	free(p->groups);
	p->groups = NULL;
	p->n_groups = 0;
}
