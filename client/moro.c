#include "client/moro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/fork.h"
#include "client/handle.h"
#include "client/hello.h"
#include "client/io.h"
#include "client/socket.h"

/* How long connecting takes at most when the program sets no limit. */
#define MORO_CONNECT_MS 10000

const char *
moro_version(void)
{
	return MORO_VERSION;
}

struct moro *
moro_new(void)
{
	struct moro *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->fd = -1;
	m->revive.expiry = UINT64_MAX;
	m->due_told = UINT64_MAX;
	fork_watch();
	m->generation = fork_generation();
	pendings_init(&m->requests);
	parcels_init(&m->parcels);
	hello_reset(m);
	return m;
}

/* Ends what there is, as the program wants. */
static void
moro_end(struct moro *m)
{
	m->news.subscribed = false;
	handle_fail(m, MORO_CLOSED, "the connection was closed");
}

void
moro_free(struct moro *m)
{
	if (m == NULL)
		return;
	handle_enter(m);
	m->doomed = true;
	moro_end(m);
	handle_leave(m);
}

void
moro_close(struct moro *m)
{
	if (m == NULL)
		return;
	handle_enter(m);
	moro_end(m);
	handle_leave(m);
}

int
moro_set_name(struct moro *m, const char *name)
{
	size_t len = name == NULL ? 0 : strlen(name);

	if (len > HANDLE_NAME)
		return -1;
	memcpy(m->name, name == NULL ? "" : name, len + 1);
	return 0;
}

void
moro_set_wait_ms(struct moro *m, uint64_t ms)
{
	m->wait_ms = ms;
}

int
moro_connected(const struct moro *m)
{
	return m->fd != -1 && !m->failed && !m->revive.away;
}

enum moro_code
moro_error(const struct moro *m)
{
	return m->failure.code;
}

const char *
moro_errstr(const struct moro *m)
{
	return m->failure.code == MORO_OK ? "" : m->failure.fault.message;
}

int
moro_fd(const struct moro *m)
{
	return m->fd;
}

int
moro_events(const struct moro *m)
{
	if (m->fd == -1 || m->failed)
		return 0;
	return buffer_len(&m->out) > 0 ? MORO_READ | MORO_WRITE : MORO_READ;
}

void
moro_on_events(struct moro *m, moro_events_cb cb, void *user)
{
	m->events_cb = cb;
	m->events_user = user;
	m->events_told = moro_events(m);
	m->due_told = revive_due(m);
}

/* How long to wait for a connection. */
static uint64_t
moro_connect_ms(const struct moro *m)
{
	return m->wait_ms != 0 ? m->wait_ms : MORO_CONNECT_MS;
}

/* A connection that could not be made fails like one that was lost. */
static int
moro_refuse(struct moro *m, const struct failure *f)
{
	m->failure = *f;
	m->failed = true;
	return -1;
}

/* Forgets the connection that there was; its requests are answered. */
static void
moro_renew(struct moro *m)
{
	moro_end(m);
	m->opened++;
	m->failed = false;
	m->revive.able = false;
	m->revive.away = false;
	memset(&m->revive.why, 0, sizeof m->revive.why);
	memset(&m->failure, 0, sizeof m->failure);
}

/* Waits for the answer to the greeting, to be there before the deadline. */
static int
moro_greet(struct moro *m, uint64_t deadline)
{
	unsigned int opened = m->opened;
	struct failure f;

	while (m->opened == opened && handle_open(m) &&
	       (m->fd == -1 || m->hello == NULL)) {
		if (io_now() < deadline && io_turn(m, deadline) != 0) {
			answer_all(m);
			continue;
		}
		f = m->revive.why;
		if (f.code == MORO_OK || m->fd != -1)
			failure_set(&f, MORO_NO_SERVER, HANDLE_MUTE, m->path);
		handle_quit(m, &f);
	}
	return moro_connected(m) ? 0 : -1;
}

/* Finds out where to connect to. Returns 0, or -1 and why not. */
static int
moro_set_path(struct moro *m, const char *path, struct failure *f)
{
	char fallback[HANDLE_PATH];

	if (path == NULL) {
		if (moro_default_path(fallback, sizeof fallback) == -1) {
			failure_set(f, MORO_NO_SERVER,
			    "no socket is named: set MORO_SOCKET or "
			    "XDG_RUNTIME_DIR");
			return -1;
		}
		path = fallback;
	}
	if (strlen(path) >= sizeof m->path) {
		failure_set(f, MORO_NO_SERVER,
		    "the socket's path is longer than %zu bytes: %s",
		    sizeof m->path - 1, path);
		return -1;
	}
	if (path != m->path)
		memmove(m->path, path, strlen(path) + 1);
	return 0;
}

/*
 * Connects to a path, or the default one. Waits until the deadline, while the
 * server accepts nobody; 0: not at all.
 */
static int
moro_open(struct moro *m, const char *path, uint64_t deadline)
{
	struct failure f;
	int fd;

	moro_renew(m);
	if (moro_set_path(m, path, &f) == -1)
		return moro_refuse(m, &f);
	m->revive.able = true;
	if (revive_on(m)) {
		revive_begin(m);
		return handle_open(m) ? 0 : -1;
	}
	fd = socket_connect(m->path, deadline, &f);
	return fd == -1 ? moro_refuse(m, &f) : handle_attach(m, fd);
}

int
moro_connect(struct moro *m, const char *path)
{
	uint64_t deadline = io_deadline(moro_connect_ms(m));
	int rc;

	handle_enter(m);
	rc = moro_open(m, path, deadline);
	if (rc == 0)
		rc = moro_greet(m, deadline);
	handle_leave(m);
	return rc;
}

int
moro_start(struct moro *m, const char *path)
{
	int rc;

	handle_enter(m);
	rc = moro_open(m, path, 0);
	handle_leave(m);
	return rc;
}

int
moro_connect_fd(struct moro *m, int fd)
{
	uint64_t deadline = io_deadline(moro_connect_ms(m));
	struct failure f;
	int rc;

	handle_enter(m);
	moro_renew(m);
	rc = socket_prepare(fd, &f);
	if (rc == -1) {
		moro_refuse(m, &f);
	} else {
		snprintf(m->path, sizeof m->path, "descriptor %d", fd);
		rc = handle_attach(m, fd);
	}
	if (rc == 0)
		rc = moro_greet(m, deadline);
	handle_leave(m);
	return rc;
}
