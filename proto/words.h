#ifndef MORO_PROTO_WORDS_H
#define MORO_PROTO_WORDS_H

/* Lists in a text, as options have them. */

#include <stddef.h>

/*
 * Takes the next word off a list, whose words stand between commas and blanks.
 * Returns it, *len bytes that are not ended, or NULL at the list's end.
 */
const char *words_next(const char **list, size_t *len);

/* The same for what may have blanks inside, like paths: commas separate it. */
const char *words_next_path(const char **list, size_t *len);

#endif
