#ifndef MORO_TOOLS_SOURCE_H
#define MORO_TOOLS_SOURCE_H

/* Where moroctl's input comes from. */

#include <stddef.h>

/* Bytes that were read. */
struct source {
	char *bytes; /* owned; a NUL follows that len does not count */
	size_t len;
};

/*
 * Reads a file to its end, or up to max bytes (0: as many as any server may
 * take); NULL and "-": standard input. What takes longer is metered. Returns
 * 0, or EXIT_USAGE after complaining.
 */
int source_read(struct source *s, const char *path, size_t max);

/*
 * Opens a file that can be passed on as a descriptor: a regular one. -1: it is
 * none, or cannot be opened, and source_read() is the way.
 */
int source_open(const char *path);

/* Drops one newline at the end, as editors and echo leave it. */
void source_chomp(struct source *s);

/* Wipes and frees; s is empty afterwards. */
void source_clear(struct source *s);

#endif
