/* How a program becomes a worker: in the process that was forked for it. */
#include "server/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "server/log.h"
#include "server/process.h"
#include "server/user.h"
#include "worker/isolate.h"

#define PROGRAM_SHELL "/bin/sh"
#define PROGRAM_NUMBER 12 /* bytes of a number as text, its NUL included */

/* Sets one variable of its environment. */
static void
program_variable(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		fatal("%s: %s", name, strerror(errno));
}

/* Tells it where its socket is, and who it is. */
static void
program_environment(const struct program_setup *setup)
{
	char number[PROGRAM_NUMBER];

	snprintf(number, sizeof number, "%u", setup->number);
	program_variable("MORO_WORKER", number);
	program_variable("MORO_POOL", setup->pool->name);
	program_variable("MORO_SOCKET", setup->server);
	if (setup->pool->channel == CHANNEL_STDIO) {
		program_variable("MORO_CHANNEL", "stdio");
		unsetenv("MORO_FD");
		return;
	}
	snprintf(number, sizeof number, "%d", PROGRAM_CHANNEL);
	program_variable("MORO_FD", number);
	unsetenv("MORO_CHANNEL");
}

/* Puts the socket where the program looks for it. */
static void
program_channel(const struct program_setup *setup)
{
	bool stdio = setup->pool->channel == CHANNEL_STDIO;
	int sock = setup->sock;

	if (stdio &&
	    (dup2(sock, STDIN_FILENO) == -1 || dup2(sock, STDOUT_FILENO) == -1))
		fatal("the channel: %s", strerror(errno));
	if (stdio)
		return;
	/* dup2() of a descriptor to itself would leave it close-on-exec */
	if (sock == PROGRAM_CHANNEL ? fcntl(sock, F_SETFD, 0) == -1
				    : dup2(sock, PROGRAM_CHANNEL) == -1)
		fatal("the channel: %s", strerror(errno));
}

/* Has the system's signals do what a program expects of them. */
static void
program_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_DFL);
}

/* Leaves what the process inherited and a program must not have. */
static void
program_isolate(const struct program_setup *setup)
{
	const struct quota quota = {.memory = setup->pool->worker_memory,
	    .files = setup->pool->worker_files};
	int keep[] = {setup->sock, setup->output, PROGRAM_CHANNEL};
	size_t n = setup->pool->channel == CHANNEL_STDIO ? 2 : 3;

	isolate_terminal();
	isolate_input();
	isolate_output(setup->output);
	log_set_format(LOG_BARE);
	program_channel(setup);
	/* the first two are close-on-exec, unless one is the channel itself */
	if (process_close_others(keep, n) == -1)
		fatal("cannot close descriptors: %s", strerror(errno));
	isolate_core();
	/* nothing that it starts may gain rights that morod has not */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs: %s", strerror(errno));
	if (quota_apply(&quota, NULL) == -1)
		fatal("cannot set limits: %s", strerror(errno));
	if (user_become() == -1)
		fatal("cannot become the user: %s", strerror(errno));
	program_signals();
}

_Noreturn void
program_exec(const struct program_setup *setup)
{
	char *command;

	program_isolate(setup);
	program_environment(setup);
	/* the shell splits it into words, and gives its place to the program */
	if (asprintf(&command, "exec %s", setup->pool->command) == -1)
		fatal("out of memory");
	execl(PROGRAM_SHELL, "sh", "-c", command, NULL);
	fatal("%s: %s", PROGRAM_SHELL, strerror(errno));
}
