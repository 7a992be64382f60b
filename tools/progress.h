#ifndef MORO_TOOLS_PROGRESS_H
#define MORO_TOOLS_PROGRESS_H

/* How far something is, as one line for a terminal. Draws nothing itself. */

#include <stdbool.h>
#include <stddef.h>

#define PROGRESS_LINE 1024 /* bytes that any line takes, NUL included */

/* What there is to show. Numbers may be anything, not a number as well. */
struct progress_view {
	double done;
	double total; /* below 0, or not a number: not known */
	double rate; /* a second; not above 0: not known */
	bool bytes; /* they are bytes, else whatever is counted */
	const char *note; /* from anywhere; NULL or "": none */
};

/*
 * Writes the line, which takes at most `columns` - 1 columns: the last one
 * stays free, for in it terminals differ. Parts for which there is no room are left
 * out, the less important ones first; all of them when not even the count fits. Returns the columns it takes.
 */
int progress_format(char out[PROGRESS_LINE], const struct progress_view *v,
    int columns);

#endif
