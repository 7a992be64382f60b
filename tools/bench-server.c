#include "tools/bench-server.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-clock.h"
#include "tools/bench-proc.h"
#include "tools/bench-receiver.h"
#include "tools/bench-spawn.h"

#define SERVER_READY_NS (20 * CLOCK_NS_PER_S)
#define SERVER_POLL_NS CLOCK_NS_PER_MS
#define SERVER_SNDBUF 212992 /* as libmoro sets it */
#define SERVER_TEXT 2000 /* bytes of the log that are looked at */
#define SERVER_NAME 32
#define SERVER_CALL 64 /* bytes of a method and its parameter */
#define SERVER_CALL_ID 7

/* Reads the begin of a log; "" when there is none. */
static void
server_log(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, size - 1, f);
		fclose(f);
	}
	text[n] = '\0';
}

/* Waits until it says that it is ready. */
static void
server_wait(const struct server *s, const char *log)
{
	uint64_t end = clock_ns() + SERVER_READY_NS;
	char text[SERVER_TEXT];

	for (;;) {
		server_log(log, text, sizeof text);
		if (strstr(text, "ready on") != NULL)
			return;
		if (waitpid(s->master, NULL, WNOHANG) == s->master) {
			cleanup_forget(s->master);
			cleanup_die("morod did not start: %s", text);
		}
		if (clock_ns() > end)
			cleanup_die("morod is not ready: %s", text);
		clock_sleep(SERVER_POLL_NS);
	}
}

/* Sorts processes by number: slots in the order they were filled. */
static int
server_compare(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

void
server_find(struct server *s)
{
	pid_t pids[SERVER_WORKERS_MAX + 1];
	size_t n = proc_children(s->master, pids, SERVER_WORKERS_MAX + 1);
	char name[SERVER_NAME];

	s->n_workers = 0;
	s->dispatcher = 0;
	qsort(pids, n, sizeof pids[0], server_compare);
	for (size_t i = 0; i < n; i++) {
		proc_name(pids[i], name, sizeof name);
		if (strstr(name, "dispatch") != NULL)
			s->dispatcher = pids[i];
		else if (strstr(name, "worker") != NULL &&
			 s->n_workers < SERVER_WORKERS_MAX)
			s->workers[s->n_workers++] = pids[i];
	}
	if (s->dispatcher == 0)
		cleanup_die("cannot find morod's dispatcher in /proc");
}

/* The paths of one of our own: its socket, lock and log go at the end. */
static const char *
server_paths(struct server *s, int index)
{
	char name[SERVER_NAME];

	snprintf(name, sizeof name, "%d.sock.lock", index);
	cleanup_file(name);
	snprintf(name, sizeof name, "%d.sock", index);
	snprintf(s->socket, sizeof s->socket, "%s", cleanup_file(name));
	snprintf(name, sizeof name, "%d.log", index);
	return cleanup_file(name);
}

void
server_start(struct server *s, int n, const char *const *args, int index)
{
	char workers[SERVER_NAME], program[SPAWN_PATH];
	const char *argv[SERVER_ARGS] = {spawn_sibling(program,
					     "../server/morod", "morod"),
	    "--socket", s->socket, "--workers", workers, "--debug-tasks"};
	size_t argc = 6;
	const char *log = server_paths(s, index);

	snprintf(workers, sizeof workers, "%d", n);
	for (; args != NULL && *args != NULL && argc < SERVER_ARGS - 1; args++)
		argv[argc++] = *args;
	argv[argc] = NULL;
	unlink(log); /* the last one's says "ready", too */
	s->own = true;
	s->master = spawn_run(argv, log);
	server_wait(s, log);
	server_find(s);
}

void
server_use(struct server *s, const char *path)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	int fd;

	memset(s, 0, sizeof *s);
	snprintf(s->socket, sizeof s->socket, "%s", path);
	fd = server_connect(s);
	/* who called listen() is the master */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		cleanup_die("cannot tell who listens on %s: %s", path,
		    strerror(errno));
	s->master = peer.pid;
	close(fd);
	server_find(s);
}

void
server_stop(struct server *s)
{
	if (!s->own)
		return;
	server_find(s);
	/* the kernel kills the others with it, and leaves them to us */
	spawn_kill(s->master);
	waitpid(s->dispatcher, NULL, 0);
	for (int i = 0; i < s->n_workers; i++)
		waitpid(s->workers[i], NULL, 0);
	unlink(s->socket);
	s->own = false;
}

int
server_connect(const struct server *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int size = SERVER_SNDBUF;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, s->socket, sizeof s->socket);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		cleanup_die("cannot connect to %s: %s", s->socket,
		    strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return fd;
}

/* Calls a method with one parameter, encoded, or NULL; waits for its answer. */
static void
server_call(int fd, const char *method, const char *param)
{
	uint8_t request[ENVELOPE_HEAD_MAX + SERVER_CALL];
	struct receiver r;
	struct answer a = {.id = 0};
	size_t len = param != NULL ? strlen(param) : 0;
	size_t n = envelope_request(request, SERVER_CALL_ID, method,
	    strlen(method), param != NULL ? 1 : 0);

	assert(strlen(method) + len <= SERVER_CALL);
	if (len > 0)
		memcpy(request + n, param, len);
	n += len;
	if (send(fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
		cleanup_die("cannot call morod: %s", strerror(errno));
	receiver_init(&r, 0);
	while (a.id != SERVER_CALL_ID) {
		int rc = receiver_next(&r, &a);

		if (rc == 0 && receiver_read(&r, fd, 0) <= 0)
			rc = -1;
		if (rc < 0 || (rc > 0 && a.error != NULL))
			cleanup_die("morod did not answer %s", method);
	}
	receiver_clear(&r);
}

void
server_hello_fd(int fd)
{
	/* {"features": ["fd"]} */
	server_call(fd, "hello", "\201\250features\221\242fd");
}

void
server_sync(int fd)
{
	server_call(fd, "ping", NULL);
}

double
server_memory(const struct server *s)
{
	return (double)proc_private(s->dispatcher);
}
