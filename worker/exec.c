#include "worker/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/process.h"
#include "worker/blob.h"
#include "worker/call.h"
#include "worker/sink.h"

#define EXEC_SHELL "/bin/sh"
#define EXEC_EXPECTED ((uint64_t)64 << 10) /* bytes of a result, at first */
#define EXEC_SAID 160 /* of what it said last, its NUL included */
#define EXEC_READ 4096 /* bytes of stderr that are read at once */

enum exec_field { EXEC_INPUT };

const struct field exec_fields[] = {
    [EXEC_INPUT] = {.name = "input",
	.kinds = FIELD_TEXT | FIELD_NIL,
	.streams = true,
	.fallback = "nothing",
	.about = "What the program reads from stdin."},
    {.name = NULL},
};

/* The pipes of a program: our ends; -1: closed. */
struct exec_pipes {
	int in, out, err;
};

/* One run. */
struct exec {
	struct call *call;
	pid_t pid;
	struct exec_pipes pipes;
	struct blob input;
	const uint8_t *at; /* of the input, not written yet */
	size_t left;
	struct sink result;
	char said[EXEC_SAID]; /* the last line of its stderr */
	size_t said_len;
	bool line_over; /* the next byte begins another line */
};

static char **exec_environment;

void
exec_keep_environment(char **environment)
{
	exec_environment = environment;
}

static void
exec_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* What the program gets: our ends of the pipes stay ours. */
static int
exec_actions(posix_spawn_file_actions_t *actions, const int theirs[3])
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < 3; i++)
		rc = posix_spawn_file_actions_adddup2(actions, theirs[i], i);
	return rc;
}

/* Its signals are as a program expects them: some are ignored here. */
static int
exec_attributes(posix_spawnattr_t *attributes)
{
	sigset_t defaults;
	int rc;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGHUP);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	rc = posix_spawnattr_setsigdefault(attributes, &defaults);
	if (rc == 0)
		rc =
		    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
	return rc;
}

/* Starts it on three descriptors. Returns 0 or an errno. */
static int
exec_spawn(struct exec *e, const int theirs[3])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *command, shell[] = "sh", option[] = "-c";
	int rc;

	if (asprintf(&command, "exec %s", e->call->type->command) == -1)
		return ENOMEM;
	char *words[] = {shell, option, command, NULL};
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	rc = exec_actions(&actions, theirs);
	if (rc == 0)
		rc = exec_attributes(&attributes);
	if (rc == 0)
		rc = posix_spawn(&e->pid, EXEC_SHELL, &actions, &attributes,
		    words, exec_environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(command);
	return rc;
}

/* Makes a pipe whose one end is ours: which does not wait. */
static int
exec_pipe(int *ours, int *theirs, bool write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	*ours = ends[write];
	*theirs = ends[!write];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

/* Starts the program. Returns 0, or -1 with the call's error set. */
static int
exec_start(struct exec *e)
{
	int theirs[3] = {-1, -1, -1}, rc;
	struct exec_pipes *p = &e->pipes;

	if (exec_pipe(&p->in, &theirs[0], true) == -1 ||
	    exec_pipe(&p->out, &theirs[1], false) == -1 ||
	    exec_pipe(&p->err, &theirs[2], false) == -1)
		rc = errno;
	else
		rc = exec_spawn(e, theirs);
	for (int i = 0; i < 3; i++)
		exec_close(&theirs[i]);
	if (rc == 0)
		return 0;
	return call_fail(e->call, CODE_WORKER_ERROR,
	    "cannot start the program: %s", strerror(rc));
}

/* Writes more of the input. -1 with the error set: they cannot be read. */
static int
exec_feed(struct exec *e)
{
	ssize_t n;

	if (e->left == 0 && blob_next(&e->input, e->call, &e->at, &e->left) < 0)
		return -1;
	if (e->left == 0) {
		exec_close(&e->pipes.in);
		return 0;
	}
	n = write(e->pipes.in, e->at, e->left);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		exec_close(&e->pipes.in); /* it wants no more: its business */
	if (n > 0) {
		e->at += n;
		e->left -= (size_t)n;
	}
	return 0;
}

/*
 * Takes what it has written. -1 with the error set: it is too much, or cannot be
 * had. Room is made when there is something for it: a result may fill it.
 */
static int
exec_take(struct exec *e)
{
	struct sink *s = &e->result;
	int there = 0;
	ssize_t n = 0;

	if (s->used < s->room)
		n = read(e->pipes.out, s->at + s->used, s->room - s->used);
	else if (ioctl(e->pipes.out, FIONREAD, &there) == 0 && there > 0)
		return sink_more(s);
	if (n > 0)
		s->used += (size_t)n;
	else if (n == 0)
		exec_close(&e->pipes.out);
	else if (errno != EAGAIN && errno != EINTR)
		return call_fail(e->call, CODE_WORKER_ERROR,
		    "cannot read what the program writes: %s", strerror(errno));
	return 0;
}

/* Keeps the last line that is not empty, for the error. */
static void
exec_note(struct exec *e, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			e->line_over = true;
			continue;
		}
		if (e->line_over)
			e->said_len = 0;
		e->line_over = false;
		if (e->said_len < sizeof e->said - 1)
			e->said[e->said_len++] = text[i];
	}
	e->said[e->said_len] = '\0';
}

/* Passes on to the log what it says. */
static void
exec_listen(struct exec *e)
{
	char text[EXEC_READ];
	ssize_t n = read(e->pipes.err, text, sizeof text), done = 0, sent;

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		exec_close(&e->pipes.err);
	if (n <= 0)
		return;
	exec_note(e, text, (size_t)n);
	while (done < n && (sent = write(STDERR_FILENO, text + done,
				(size_t)(n - done))) > 0)
		done += sent;
}

/* Gives and takes until it has closed stdout and stderr. */
static int
exec_converse(struct exec *e)
{
	struct exec_pipes *p = &e->pipes;

	while (p->out != -1 || p->err != -1) {
		struct pollfd fds[] = {{p->in, POLLOUT, 0}, {p->out, POLLIN, 0},
		    {p->err, POLLIN, 0}};

		if (poll(fds, 3, -1) == -1 && errno != EINTR)
			return call_fail(e->call, CODE_WORKER_ERROR, "poll: %s",
			    strerror(errno));
		if (fds[0].revents != 0 && exec_feed(e) < 0)
			return -1;
		if (fds[1].revents != 0 && exec_take(e) < 0)
			return -1;
		if (fds[2].revents != 0)
			exec_listen(e);
	}
	return 0;
}

/* Says how it ended, if that was not well. */
static int
exec_judge(struct exec *e, int status)
{
	const char *between = e->said_len > 0 ? ": " : "";
	const char *sig;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status)) {
		call_fail(e->call, CODE_WORKER_ERROR,
		    "the program exited with status %d%s%s",
		    WEXITSTATUS(status), between, e->said);
		fault_add_number(&e->call->fault, "exitCode",
		    WEXITSTATUS(status));
		return -1;
	}
	sig = process_signal_name(WTERMSIG(status));
	call_fail(e->call, CODE_WORKER_ERROR,
	    "the program was killed by %s%s%s", sig, between, e->said);
	fault_add_text(&e->call->fault, "signal", sig);
	return -1;
}

/* Ends it if it has not ended, and reaps it. */
static int
exec_end(struct exec *e, bool at_once)
{
	int status = 0;

	exec_close(&e->pipes.in);
	exec_close(&e->pipes.out);
	exec_close(&e->pipes.err);
	if (at_once)
		kill(e->pid, SIGKILL);
	while (waitpid(e->pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

int
exec_run(struct call *call)
{
	struct exec e = {.call = call, .pipes = {-1, -1, -1}};
	const msgpack_object *input = call->args[EXEC_INPUT];
	static const msgpack_object empty = {.type = MSGPACK_OBJECT_STR,
	    .via.str = {.size = 0, .ptr = ""}};
	int rc, status;

	if (input == NULL || input->type == MSGPACK_OBJECT_NIL)
		input = &empty;
	if (blob_init(&e.input, call, "input", input) < 0 ||
	    sink_init(&e.result, call, EXEC_EXPECTED, UINT64_MAX) < 0)
		return -1;
	if (exec_start(&e) < 0) {
		exec_close(&e.pipes.in);
		exec_close(&e.pipes.out);
		exec_close(&e.pipes.err);
		return -1;
	}
	rc = exec_converse(&e);
	status = exec_end(&e, rc < 0);
	if (rc < 0 || exec_judge(&e, status) < 0)
		return -1;
	return sink_end(&e.result);
}
