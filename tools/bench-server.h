#ifndef MORO_TOOLS_BENCH_SERVER_H
#define MORO_TOOLS_BENCH_SERVER_H

/* The morod that is measured: one of our own, or one that runs already. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SERVER_ARGS 24 /* further arguments */
#define SERVER_WORKERS_MAX 64 /* whose processes are found */

struct server {
	char socket[108];
	bool own;
	pid_t master;
	pid_t dispatcher;
	int n_workers;
	pid_t workers[SERVER_WORKERS_MAX];
};

/*
 * Starts a morod with n workers and further arguments (NULL-ended; NULL:
 * none), and waits until it is ready. `index` tells several apart.
 */
void server_start(struct server *s, int n, const char *const *args, int index);

/* Takes the one at a path instead. */
void server_use(struct server *s, const char *path);

/* Finds its processes again: a worker may have been replaced. */
void server_find(struct server *s);

/* Ends our own, and waits until all its processes are gone. */
void server_stop(struct server *s);

/* A connection as libmoro makes it. */
int server_connect(const struct server *s);

/* Says on a connection that requests come with descriptors. */
void server_hello_fd(int fd);

/* Calls a control method, and waits for its answer: all before it was read. */
void server_sync(int fd);

/* The dispatcher's memory that no other process shares, in bytes. */
double server_memory(const struct server *s);

#endif
