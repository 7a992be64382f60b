#include "tools/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/complain.h"
#include "tools/meter.h"

#define SINK_SUFFIX ".XXXXXX" /* what mkostemp() fills in */
#define SINK_MODE 0666 /* of new files, less the umask */
#define SINK_SECRET (S_IRUSR | S_IWUSR) /* of secret ones, whatever it says */
#define SINK_TRIES 100 /* names for it */
#define SINK_LINKS 40 /* symbolic links one behind the other, as the kernel */
#define SINK_PIECE ((size_t)64 << 10) /* bytes of one copy */

/* Whether a path means standard output. */
static bool
sink_is_stdout(const char *path)
{
	struct stat named, out;

	if (path == NULL || strcmp(path, "-") == 0)
		return true;
	/* opened anew it would be written from its start, or replaced */
	return (strncmp(path, "/dev/", 5) == 0 ||
		   strncmp(path, "/proc/", 6) == 0) &&
	       stat(path, &named) == 0 && S_ISREG(named.st_mode) &&
	       fstat(STDOUT_FILENO, &out) == 0 && named.st_dev == out.st_dev &&
	       named.st_ino == out.st_ino;
}

bool
sink_is_terminal(const char *path)
{
	return sink_is_stdout(path) && isatty(STDOUT_FILENO);
}

/* Writes everything. Returns 0, or -1 with errno. */
static int
sink_write_fd(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Begins to show how much is written; not between lines on a terminal. */
static void
sink_meter(int fd, double total)
{
	if (!isatty(fd))
		meter_begin(true, total, METER_IF_SLOW);
}

/* Writes everything in pieces, and shows how much. */
static int
sink_write_metered(int fd, const char *bytes, size_t len)
{
	size_t at = 0;
	int rc = 0;

	sink_meter(fd, (double)len);
	while (rc == 0 && at < len) {
		size_t n = len - at < SINK_PIECE ? len - at : SINK_PIECE;

		rc = sink_write_fd(fd, bytes + at, n);
		at += n;
		meter_set((double)at);
	}
	meter_end();
	return rc;
}

/* Writes everything, and the newline. Returns 0, or -1 with errno. */
static int
sink_write_all(int fd, const void *bytes, size_t len, bool newline)
{
	if (sink_write_metered(fd, bytes, len) == -1)
		return -1;
	return newline ? sink_write_fd(fd, "\n", 1) : 0;
}

/* Closes, and keeps the errno of an earlier failure. */
static int
sink_close(int fd, int rc)
{
	int error = errno;

	if (close(fd) == -1)
		return -1;
	errno = error;
	return rc;
}

/*
 * Has signals wait that would end the program while there is a file of another
 * name: nothing would remove it.
 */
static void
sink_hold(struct sink *s)
{
	sigset_t set;

	if (s->held)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &s->mask);
	s->held = true;
}

/* Lets them come; errno stays. */
static void
sink_let_go(struct sink *s)
{
	if (s->held)
		sigprocmask(SIG_SETMASK, &s->mask, NULL);
	s->held = false;
}

/* Gives a new file the mode that any other program would give it. */
static int
sink_mode(const struct sink *s, const struct stat *old)
{
	mode_t mask;

	if (s->secret)
		return fchmod(s->fd, SINK_SECRET);
	if (old != NULL)
		return fchmod(s->fd, old->st_mode & 0777);
	mask = umask(0);
	umask(mask);
	return fchmod(s->fd, SINK_MODE & ~mask);
}

/* Makes a file in the same folder without a name: whatever dies leaves none. */
static int
sink_make_nameless(struct sink *s)
{
	char folder[PATH_MAX];
	char *end;

	strcpy(folder, s->path);
	end = strrchr(folder, '/');
	if (end == NULL)
		strcpy(folder, ".");
	else
		end[end == folder ? 1 : 0] = '\0';
	s->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
	s->nameless = s->fd != -1;
	return s->nameless ? 0 : -1;
}

/* Gives the nameless file the name that it is renamed from. */
static int
sink_link(struct sink *s)
{
	char from[64];
	int rc = -1;

	sink_hold(s);
	snprintf(from, sizeof from, "/proc/self/fd/%d", s->fd);
	for (int i = 0; rc == -1 && i < SINK_TRIES; i++) {
		if (snprintf(s->beside, sizeof s->beside, "%s.%d.%d", s->path,
			(int)getpid(), i) >= (int)sizeof s->beside) {
			errno = ENAMETOOLONG;
			return -1;
		}
		rc = linkat(AT_FDCWD, from, AT_FDCWD, s->beside,
		    AT_SYMLINK_FOLLOW);
		if (rc == -1 && errno != EEXIST)
			return -1;
	}
	s->nameless = rc == -1;
	return rc;
}

/*
 * Makes the file that is to replace another: without a name, or beside it where
 * the file system knows no such files.
 */
static int
sink_make(struct sink *s, const struct stat *old)
{
	s->replaces = true;
	if (sink_make_nameless(s) == 0)
		return sink_mode(s, old);
	s->replaces = false;
	if (snprintf(s->beside, sizeof s->beside, "%s" SINK_SUFFIX, s->path) >=
	    (int)sizeof s->beside) {
		errno = ENAMETOOLONG;
		return -1;
	}
	sink_hold(s);
	s->fd = mkostemp(s->beside, O_CLOEXEC);
	if (s->fd == -1)
		return -1;
	s->replaces = true;
	return sink_mode(s, old);
}

/*
 * What is there and no regular file, a device or a pipe, gets the bytes at the
 * end, from a file in memory.
 */
static int
sink_make_special(struct sink *s)
{
	s->fd = memfd_create("moroctl", MFD_CLOEXEC);
	return s->fd == -1 ? -1 : 0;
}

/* Puts what a symbolic link says in its place in the path. */
static int
sink_follow(char path[PATH_MAX])
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);
	char *name = strrchr(path, '/');
	size_t folder;

	if (n == -1)
		return -1;
	target[n] = '\0';
	folder =
	    name == NULL || target[0] == '/' ? 0 : (size_t)(name + 1 - path);
	if (folder + (size_t)n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path + folder, target, (size_t)n + 1);
	return 0;
}

/*
 * Finds the file that is to be made: a symbolic link that leads nowhere yet
 * stays, and what it names comes to be, as with a shell's redirection.
 */
static int
sink_resolve(char path[PATH_MAX])
{
	struct stat st;

	for (int i = 0; i < SINK_LINKS; i++) {
		if (lstat(path, &st) == -1 || !S_ISLNK(st.st_mode))
			return 0;
		if (sink_follow(path) == -1)
			return -1;
	}
	errno = ELOOP;
	return -1;
}

/*
 * Makes the descriptor; a symbolic link stays, and what it names is replaced.
 * Not so with a secret: others may have made the link, or read what it names.
 */
static int
sink_begin(struct sink *s, const char *path)
{
	struct stat st;
	bool found;

	if (sink_is_stdout(path))
		return sink_make_special(s);
	if (strlen(path) >= sizeof s->path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(s->path, path);
	found = stat(path, &st) == 0;
	if (found && !S_ISREG(st.st_mode))
		return sink_make_special(s);
	if (s->secret)
		return sink_make(s, NULL);
	if (!found)
		return sink_resolve(s->path) == -1 ? -1 : sink_make(s, NULL);
	if (realpath(path, s->path) == NULL)
		return -1;
	return sink_make(s, &st);
}

/* How a sink is called in an error. */
static const char *
sink_name(const struct sink *s)
{
	return s->path[0] != '\0' ? s->path : "standard output";
}

/* Opens a sink, see sink_open(). */
static int
sink_start(struct sink *s, const char *path, bool secret)
{
	int rc, error;

	memset(s, 0, sizeof *s);
	s->fd = -1;
	s->secret = secret;
	rc = sink_begin(s, path);
	if (rc == 0)
		return EXIT_DONE;
	error = errno;
	sink_drop(s);
	return complain_output(sink_name(s), error);
}

int
sink_open(struct sink *s, const char *path)
{
	return sink_start(s, path, false);
}

/* Copies what was written to where it belongs. */
static int
sink_copy(struct sink *s)
{
	char piece[SINK_PIECE];
	int fd = STDOUT_FILENO, rc = 0;
	struct stat st;
	off_t at = 0;
	ssize_t n;

	if (s->path[0] != '\0')
		fd = open(s->path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	sink_meter(fd,
	    fstat(s->fd, &st) == 0 ? (double)st.st_size : METER_UNKNOWN);
	while (rc == 0 && (n = pread(s->fd, piece, sizeof piece, at)) != 0) {
		rc = n == -1 ? -1 : sink_write_fd(fd, piece, (size_t)n);
		at += n;
		meter_set((double)at);
	}
	meter_end();
	return fd == STDOUT_FILENO ? rc : sink_close(fd, rc);
}

int
sink_keep(struct sink *s)
{
	int rc, error;

	if (s->replaces) {
		rc = s->nameless ? sink_link(s) : 0;
		rc = sink_close(s->fd, rc);
		s->fd = -1;
		if (rc == 0)
			rc = rename(s->beside, s->path);
		s->replaces = rc != 0;
	} else {
		rc = sink_copy(s);
	}
	error = errno;
	sink_drop(s);
	return rc == 0 ? EXIT_DONE : complain_output(sink_name(s), error);
}

void
sink_drop(struct sink *s)
{
	if (s->fd != -1)
		close(s->fd);
	if (s->replaces && !s->nameless)
		unlink(s->beside);
	s->fd = -1;
	s->replaces = false;
	sink_let_go(s);
}

/* Writes to standard output, or to what is there and no regular file. */
static int
sink_write_through(struct sink *s, const void *bytes, size_t len, bool newline)
{
	int fd;

	if (s->path[0] == '\0')
		return sink_write_all(STDOUT_FILENO, bytes, len, newline);
	fd = open(s->path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	return sink_close(fd, sink_write_all(fd, bytes, len, newline));
}

/* Writes bytes, see sink_write(). */
static int
sink_put(const char *path, const void *bytes, size_t len, bool newline,
    bool secret)
{
	struct sink s;
	int rc = sink_start(&s, path, secret), error;

	if (rc != EXIT_DONE)
		return rc;
	if (s.replaces)
		rc = sink_write_all(s.fd, bytes, len, newline);
	else
		rc = sink_write_through(&s, bytes, len, newline);
	error = errno;
	if (rc == 0 && s.replaces)
		return sink_keep(&s);
	sink_drop(&s);
	return rc == 0 ? EXIT_DONE : complain_output(sink_name(&s), error);
}

int
sink_write(const char *path, const void *bytes, size_t len, bool newline)
{
	return sink_put(path, bytes, len, newline, false);
}

int
sink_write_secret(const char *path, const void *bytes, size_t len, bool newline)
{
	return sink_put(path, bytes, len, newline, true);
}
