#ifndef MORO_TOOLS_SINK_H
#define MORO_TOOLS_SINK_H

/*
 * Where moroctl's output goes. A file is written under another name beside its
 * place and renamed, so that it is there whole or not at all.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes bytes, and a newline if asked to. NULL and "-": standard output.
 * Returns 0, or EXIT_FAILED after complaining.
 */
int sink_write(const char *path, const void *bytes, size_t len, bool newline);

/* Whether output there would be read by a person's terminal. */
bool sink_is_terminal(const char *path);

#endif
