#include "server/fdset.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t held; /* the dispatcher has one thread */

uint32_t
fdset_held(void)
{
	return held;
}

void
fdset_count(size_t n)
{
	held += (uint32_t)n;
}

void
fdset_close(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	assert(n <= held);
	held -= (uint32_t)n;
}

struct fdset *
fdset_new(const int *fds, uint32_t n)
{
	struct fdset *set = malloc(sizeof *set);

	assert(n <= FDPASS_MAX);
	if (set == NULL)
		return NULL;
	set->refs = 1;
	set->n = n;
	memcpy(set->fds, fds, n * sizeof fds[0]);
	return set;
}

struct fdset *
fdset_ref(struct fdset *set)
{
	set->refs++;
	return set;
}

void
fdset_unref(struct fdset *set)
{
	if (set == NULL || --set->refs > 0)
		return;
	fdset_close(set->fds, set->n);
	free(set);
}

static bool
fdset_is_file(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && !(flags & O_PATH) && fstat(fd, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

uint32_t
fdset_unfit(const struct fdset *set)
{
	uint32_t i = 0;

	while (i < set->n && fdset_is_file(set->fds[i]))
		i++;
	return i;
}
