#ifndef MORO_TOOLS_COLUMNS_H
#define MORO_TOOLS_COLUMNS_H

/*
 * Text from elsewhere in a place of so many columns of a terminal. What could
 * move the cursor or turn the direction of writing becomes a space, bytes that
 * are not UTF-8 become a question mark.
 */

#include <stddef.h>

/*
 * Writes as much of the text as fits into `columns` columns and `size` bytes,
 * NUL included; whole characters only. What was cut ends in "..." where there
 * is room for it. Returns the columns that it takes.
 */
int columns_fit(char *out, size_t size, const char *text, int columns);

#endif
