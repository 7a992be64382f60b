#ifndef MORO_TOOLS_STANDARD_H
#define MORO_TOOLS_STANDARD_H

/*
 * Fills the places of standard descriptors that are closed, so that no socket
 * gets their numbers; using them fails as if they were closed. Returns 0, or -1
 * with errno.
 */
int standard_open(void);

#endif
