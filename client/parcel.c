#include "client/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void
parcels_init(struct parcels *ps)
{
	TAILQ_INIT(&ps->list);
	ps->sent = 0;
}

/* Closes the descriptors and frees the parcel; errno stays. */
static void
parcel_free(struct parcel *p)
{
	int error = errno;

	while (p->n > 0)
		close(p->fds[--p->n]);
	free(p);
	errno = error;
}

void
parcels_drop(struct parcels *ps)
{
	struct parcel *p;

	while ((p = TAILQ_FIRST(&ps->list)) != NULL) {
		TAILQ_REMOVE(&ps->list, p, link);
		parcel_free(p);
	}
}

void
parcels_clear(struct parcels *ps)
{
	parcels_drop(ps);
	ps->sent = 0;
}

void
parcels_cut(struct parcels *ps, uint64_t at)
{
	struct parcel *p;

	while (
	    (p = TAILQ_LAST(&ps->list, parcel_list)) != NULL && p->at >= at) {
		TAILQ_REMOVE(&ps->list, p, link);
		parcel_free(p);
	}
}

uint32_t
parcels_at(const struct parcels *ps, uint64_t at, const int **fds)
{
	const struct parcel *p;

	TAILQ_FOREACH(p, &ps->list, link) {
		if (p->at == at) {
			*fds = p->fds;
			return p->n;
		}
	}
	return 0;
}

int
parcels_add(struct parcels *ps, size_t ahead, const int *fds, size_t n)
{
	struct parcel *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -1;
	p->at = ps->sent + ahead;
	for (size_t i = 0; i < n; i++) {
		p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (p->fds[i] == -1) {
			parcel_free(p);
			return -1;
		}
		p->n++;
	}
	TAILQ_INSERT_TAIL(&ps->list, p, link);
	return 0;
}

ssize_t
parcels_send(struct parcels *ps, int sock, const void *bytes, size_t len)
{
	struct parcel *p = TAILQ_FIRST(&ps->list);
	struct parcel *next = p;
	ssize_t n;

	if (p != NULL && p->at == ps->sent)
		next = TAILQ_NEXT(p, link);
	else
		p = NULL;
	if (next != NULL && len > next->at - ps->sent)
		len = (size_t)(next->at - ps->sent);
	if (p == NULL)
		n = send(sock, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = fdpass_send(sock, bytes, len, p->fds, p->n, MSG_DONTWAIT);
	if (n <= 0)
		return n;
	ps->sent += (uint64_t)n;
	if (p != NULL) {
		TAILQ_REMOVE(&ps->list, p, link);
		parcel_free(p);
	}
	return n;
}
