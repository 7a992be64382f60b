#include "tools/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_ROOM ((size_t)64 << 10) /* bytes that are read at a time */

void
lines_init(struct lines *l, int fd, size_t max)
{
	memset(l, 0, sizeof *l);
	l->fd = fd;
	l->max = max;
}

void
lines_clear(struct lines *l)
{
	free(l->bytes);
	memset(l, 0, sizeof *l);
}

enum lines_found
lines_next(struct lines *l, const char **line, size_t *len)
{
	char *from = l->bytes + l->start;
	size_t n = l->end - l->start;
	char *newline = NULL;

	if (n > l->looked)
		newline = memchr(from + l->looked, '\n', n - l->looked);
	if (newline == NULL && n <= l->max && !l->ended) {
		l->looked = n;
		return LINES_NONE;
	}
	if (newline == NULL && n == 0)
		return LINES_END;
	*line = from;
	*len = newline != NULL ? (size_t)(newline - from) : n;
	if (*len > l->max)
		return LINES_LONG;
	l->start += *len + (newline != NULL ? 1 : 0);
	l->looked = 0;
	return LINES_ONE;
}

/* Makes room behind what is there. */
static int
lines_grow(struct lines *l)
{
	char *bytes;

	if (l->start > 0) {
		memmove(l->bytes, l->bytes + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	if (l->cap - l->end >= LINES_ROOM)
		return 0;
	bytes = realloc(l->bytes, 2 * l->cap + LINES_ROOM);
	if (bytes == NULL)
		return -1;
	l->bytes = bytes;
	l->cap = 2 * l->cap + LINES_ROOM;
	return 0;
}

int
lines_read(struct lines *l)
{
	ssize_t n;

	if (lines_grow(l) == -1)
		return -1;
	n = read(l->fd, l->bytes + l->end, l->cap - l->end);
	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	l->ended = n == 0;
	l->end += (size_t)n;
	return 0;
}
