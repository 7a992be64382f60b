#ifndef MORO_TOOLS_LINES_H
#define MORO_TOOLS_LINES_H

/* Lines of a descriptor that may have none for a while. */

#include <stdbool.h>
#include <stddef.h>

struct lines {
	int fd;
	char *bytes; /* owned */
	size_t cap;
	size_t start, end; /* of what was read and not given out */
	size_t looked; /* of that: where no newline is up to */
	size_t max; /* bytes of a line */
	bool ended; /* there is no more to read */
};

void lines_init(struct lines *l, int fd, size_t max);
void lines_clear(struct lines *l);

enum lines_found {
	LINES_NONE, /* none is there yet */
	LINES_ONE,
	LINES_END, /* there will be none */
	LINES_LONG, /* over max bytes */
};

/*
 * Gives the next line that was read, without its newline; borrowed until the
 * next call. The last one may have none.
 */
enum lines_found lines_next(struct lines *l, const char **line, size_t *len);

/* Reads once. Returns 0, or -1 with errno: ENOMEM, or what read() says. */
int lines_read(struct lines *l);

#endif
