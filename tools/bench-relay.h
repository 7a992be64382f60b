#ifndef MORO_TOOLS_BENCH_RELAY_H
#define MORO_TOOLS_BENCH_RELAY_H

/*
 * The bare relay: what the kernel alone takes to pass bytes from a client to
 * a relaying process, to a worker, and back. Frames of one size, no parsing,
 * no queue but "a worker holds at most so many frames". Everything that morod
 * does is measured against it.
 */

#include <stddef.h>
#include <sys/types.h>

#define RELAY_WORKERS_MAX 64

struct relay {
	int fd; /* the client's end; owned */
	pid_t pid; /* the relaying process */
	int n_workers;
	pid_t workers[RELAY_WORKERS_MAX];
};

/* Starts it: `frame` bytes, n workers which hold at most `credit` frames. */
void relay_start(struct relay *r, size_t frame, int n, size_t credit);
void relay_stop(struct relay *r);

/* A worker's process: sends whole frames back as they came. Never returns. */
void relay_worker(int fd, size_t frame) __attribute__((noreturn));

#endif
