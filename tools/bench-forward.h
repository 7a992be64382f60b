#ifndef MORO_TOOLS_BENCH_FORWARD_H
#define MORO_TOOLS_BENCH_FORWARD_H

/* The relaying process of the bare relay: an epoll loop. */

#include <stddef.h>

/*
 * Forwards frames between the client, fds[0], and n workers, fds[1..n], which
 * hold at most `credit` frames each, until the client is gone. Whole frames
 * are passed on, by reference, with one system call a destination and turn.
 * Never returns.
 */
void forward_main(const int *fds, int n, size_t frame, size_t credit)
    __attribute__((noreturn));

#endif
