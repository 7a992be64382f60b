#ifndef MORO_TOOLS_INTERRUPT_H
#define MORO_TOOLS_INTERRUPT_H

/*
 * SIGINT and SIGTERM as something to look at, for as long as they should not
 * end the program. They arrive in interrupt_poll() alone. A signal that is
 * ignored (as in a shell's background job) stays so.
 */

#include <poll.h>

/* From begin to end; not nested. */
void interrupt_begin(void);
void interrupt_end(void);

/* As poll(); -1 with EINTR when a signal came. */
int interrupt_poll(struct pollfd *p, nfds_t n, int timeout_ms);

/* How many signals came since the beginning, and the first one, or 0. */
int interrupt_count(void);
int interrupt_signal(void);

/* Dies of a signal, as if it had never been caught. */
void interrupt_die(int sig);

#endif
