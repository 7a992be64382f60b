#include "tools/bench-cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLEANUP_CHILDREN 64
#define CLEANUP_FILES 32
#define CLEANUP_PATH 108 /* bytes: it may have to fit a socket's address */
#define CLEANUP_SIGNALLED 128 /* exit status of a signal, and its number */

/* Touched by a signal handler: slots are written once and never moved. */
static volatile pid_t cleanup_children[CLEANUP_CHILDREN];
static char cleanup_dir[CLEANUP_PATH];
static char cleanup_files[CLEANUP_FILES][CLEANUP_PATH];
static volatile sig_atomic_t cleanup_n_files;
static pid_t cleanup_owner; /* 0: a process that owns nothing */

/* Kills and removes everything; only calls that a handler may make. */
static void
cleanup_all(void)
{
	if (cleanup_owner != getpid())
		return;
	for (int i = 0; i < CLEANUP_CHILDREN; i++) {
		pid_t pid = cleanup_children[i];

		if (pid > 0)
			kill(pid, SIGKILL);
	}
	/* what morod left behind is ours too: we are its subreaper */
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	for (int i = 0; i < cleanup_n_files; i++)
		unlink(cleanup_files[i]);
	if (cleanup_dir[0] != '\0')
		rmdir(cleanup_dir);
	cleanup_owner = 0;
}

static void
cleanup_signal_cb(int sig)
{
	cleanup_all();
	_exit(CLEANUP_SIGNALLED + sig);
}

void
cleanup_init(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = cleanup_signal_cb};
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL || tmp[0] == '\0')
		tmp = "/tmp";
	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &sa, NULL);
	atexit(cleanup_all);
	snprintf(cleanup_dir, sizeof cleanup_dir, "%s/moro-bench.XXXXXX", tmp);
	if (mkdtemp(cleanup_dir) == NULL) {
		cleanup_dir[0] = '\0';
		cleanup_die("cannot make a folder in %s: %s", tmp,
		    strerror(errno));
	}
	cleanup_owner = getpid();
}

const char *
cleanup_folder(void)
{
	return cleanup_dir;
}

const char *
cleanup_file(const char *name)
{
	char path[CLEANUP_PATH];
	int n = snprintf(path, sizeof path, "%s/%s", cleanup_dir, name);

	if (n < 0 || (size_t)n >= sizeof path)
		cleanup_die("the folder's path is too long: %s", cleanup_dir);
	for (int i = 0; i < cleanup_n_files; i++) {
		if (strcmp(cleanup_files[i], path) == 0)
			return cleanup_files[i];
	}
	if (cleanup_n_files == CLEANUP_FILES)
		cleanup_die("too many files");
	memcpy(cleanup_files[cleanup_n_files], path, sizeof path);
	return cleanup_files[cleanup_n_files++];
}

void
cleanup_disown(void)
{
	cleanup_owner = 0;
}

void
cleanup_child(pid_t pid)
{
	for (int i = 0; i < CLEANUP_CHILDREN; i++) {
		if (cleanup_children[i] == 0) {
			cleanup_children[i] = pid;
			return;
		}
	}
	kill(pid, SIGKILL);
	cleanup_die("too many processes");
}

void
cleanup_forget(pid_t pid)
{
	for (int i = 0; i < CLEANUP_CHILDREN; i++) {
		if (cleanup_children[i] == pid)
			cleanup_children[i] = 0;
	}
}

void
cleanup_die(const char *format, ...)
{
	va_list ap;

	fputs("moro-bench: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}
