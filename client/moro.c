#include "client/moro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
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
	pendings_init(&m->requests);
	parcels_init(&m->parcels);
	hello_reset(m);
	return m;
}

void
moro_free(struct moro *m)
{
	if (m == NULL)
		return;
	handle_enter(m);
	m->doomed = true;
	handle_fail(m, MORO_CLOSED, "the connection was closed");
	handle_leave(m);
}

void
moro_close(struct moro *m)
{
	if (m == NULL)
		return;
	handle_enter(m);
	handle_fail(m, MORO_CLOSED, "the connection was closed");
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
	return m->fd != -1 && !m->failed;
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
	if (!moro_connected(m))
		return 0;
	return buffer_len(&m->out) > 0 ? MORO_READ | MORO_WRITE : MORO_READ;
}

void
moro_on_events(struct moro *m, moro_events_cb cb, void *user)
{
	m->events_cb = cb;
	m->events_user = user;
	m->events_told = moro_events(m);
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

/* Begins anew on a descriptor that is ready for use. */
static int
moro_begin(struct moro *m, int fd)
{
	hello_reset(m);
	m->fd = fd;
	m->failed = false;
	m->out_broken = false;
	memset(&m->failure, 0, sizeof m->failure);
	return hello_send(m);
}

/* Waits for the answer to the greeting. */
static int
moro_greet(struct moro *m)
{
	uint64_t deadline = io_deadline(moro_connect_ms(m));
	int fd = m->fd;

	while (m->hello == NULL && m->fd == fd) {
		if (io_turn(m, deadline) == 0)
			handle_fail(m, MORO_NO_SERVER,
			    "the server at %s accepts connections and does "
			    "not answer (timeout)",
			    m->path);
		else
			answer_all(m);
	}
	return moro_connected(m) ? 0 : -1;
}

/* Connects to a path, or the default one; waits at most wait_ms for it. */
static int
moro_open(struct moro *m, const char *path, uint64_t wait_ms)
{
	char fallback[HANDLE_PATH];
	struct failure f;
	int fd;

	handle_fail(m, MORO_CLOSED, "the connection was closed");
	if (path == NULL &&
	    moro_default_path(fallback, sizeof fallback) == -1) {
		failure_set(&f, MORO_NO_SERVER,
		    "no socket is named: set MORO_SOCKET or XDG_RUNTIME_DIR");
		return moro_refuse(m, &f);
	}
	path = path == NULL ? fallback : path;
	fd = socket_connect(path, wait_ms, &f);
	if (fd == -1)
		return moro_refuse(m, &f);
	snprintf(m->path, sizeof m->path, "%s", path);
	return moro_begin(m, fd);
}

int
moro_connect(struct moro *m, const char *path)
{
	int rc;

	handle_enter(m);
	rc = moro_open(m, path, moro_connect_ms(m));
	if (rc == 0)
		rc = moro_greet(m);
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
	struct failure f;
	int rc;

	handle_enter(m);
	handle_fail(m, MORO_CLOSED, "the connection was closed");
	rc = socket_prepare(fd, &f);
	if (rc == -1) {
		moro_refuse(m, &f);
	} else {
		snprintf(m->path, sizeof m->path, "descriptor %d", fd);
		rc = moro_begin(m, fd);
	}
	if (rc == 0)
		rc = moro_greet(m);
	handle_leave(m);
	return rc;
}
