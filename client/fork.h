#ifndef MORO_CLIENT_FORK_H
#define MORO_CLIENT_FORK_H

/*
 * Tells a process from the one that it was forked from, without a system call:
 * how many forks lie behind this process.
 */
unsigned int fork_generation(void);

/* Has forks counted from now on; more often does no harm. */
void fork_watch(void);

#endif
