#include "tools/bench-relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/bench-cleanup.h"
#include "tools/bench-forward.h"
#include "tools/bench-spawn.h"

#define RELAY_READ ((size_t)256 << 10) /* bytes of one read */

/* Makes a pair of connected sockets with the kernel's default buffers. */
static void
relay_pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		cleanup_die("cannot make a socketpair: %s", strerror(errno));
}

void
relay_worker(int fd, size_t frame)
{
	size_t cap = RELAY_READ > frame ? RELAY_READ : frame;
	size_t len = 0, whole;
	char *buf = spawn_alloc(cap);

	for (;;) {
		ssize_t n = recv(fd, buf + len, cap - len, 0);

		if (n <= 0)
			_exit(0);
		len += (size_t)n;
		whole = len - len % frame;
		for (size_t done = 0; done < whole; done += (size_t)n) {
			n = send(fd, buf + done, whole - done, MSG_NOSIGNAL);
			if (n <= 0)
				_exit(0);
		}
		memmove(buf, buf + whole, len - whole);
		len -= whole;
	}
}

/* Forks a worker; gives the relay's end of its socket. */
static int
relay_fork_worker(struct relay *r, int i, size_t frame)
{
	int fd[2];

	relay_pair(fd);
	r->workers[i] = spawn_fork();
	if (r->workers[i] == 0)
		relay_worker(fd[1], frame);
	close(fd[1]);
	return fd[0];
}

void
relay_start(struct relay *r, size_t frame, int n, size_t credit)
{
	int fds[1 + RELAY_WORKERS_MAX];
	int client[2];

	r->n_workers = n < RELAY_WORKERS_MAX ? n : RELAY_WORKERS_MAX;
	relay_pair(client);
	fds[0] = client[1];
	for (int i = 0; i < r->n_workers; i++)
		fds[1 + i] = relay_fork_worker(r, i, frame);
	r->pid = spawn_fork();
	if (r->pid == 0)
		forward_main(fds, r->n_workers, frame, credit);
	for (int i = 0; i <= r->n_workers; i++)
		close(fds[i]);
	r->fd = client[0];
}

void
relay_stop(struct relay *r)
{
	close(r->fd);
	spawn_kill(r->pid);
	for (int i = 0; i < r->n_workers; i++)
		spawn_kill(r->workers[i]);
}
