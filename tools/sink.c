#include "tools/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/complain.h"

#define SINK_SUFFIX ".XXXXXX" /* what mkostemp() fills in */
#define SINK_MODE 0666 /* of new files, less the umask */

/* Whether a path means standard output. */
static bool
sink_is_stdout(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
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

/* Writes everything, and the newline. Returns 0, or -1 with errno. */
static int
sink_write_all(int fd, const void *bytes, size_t len, bool newline)
{
	if (sink_write_fd(fd, bytes, len) == -1)
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

/* Gives a new file the mode that any other program would give it. */
static int
sink_mode(int fd, const struct stat *old)
{
	mode_t mask;

	if (old != NULL)
		return fchmod(fd, old->st_mode & 0777);
	mask = umask(0);
	umask(mask);
	return fchmod(fd, SINK_MODE & ~mask);
}

/* Writes a file beside `path` and puts it in its place. */
static int
sink_replace(const char *path, const struct stat *old, const void *bytes,
    size_t len, bool newline)
{
	char beside[PATH_MAX];
	int fd, rc, error;

	if (snprintf(beside, sizeof beside, "%s" SINK_SUFFIX, path) >=
	    (int)sizeof beside) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = sink_mode(fd, old);
	if (rc == 0)
		rc = sink_write_all(fd, bytes, len, newline);
	rc = sink_close(fd, rc);
	if (rc == 0)
		rc = rename(beside, path);
	if (rc == 0)
		return 0;
	error = errno;
	unlink(beside);
	errno = error;
	return -1;
}

/* Writes to what is there and no regular file: a device, a pipe. */
static int
sink_write_special(const char *path, const void *bytes, size_t len,
    bool newline)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	return sink_close(fd, sink_write_all(fd, bytes, len, newline));
}

/* Writes a file; a symbolic link stays, and what it names is replaced. */
static int
sink_write_file(const char *path, const void *bytes, size_t len, bool newline)
{
	char real[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == -1)
		return sink_replace(path, NULL, bytes, len, newline);
	if (!S_ISREG(st.st_mode))
		return sink_write_special(path, bytes, len, newline);
	if (realpath(path, real) == NULL)
		return -1;
	return sink_replace(real, &st, bytes, len, newline);
}

int
sink_write(const char *path, const void *bytes, size_t len, bool newline)
{
	bool is_stdout = sink_is_stdout(path);
	int rc = is_stdout ? sink_write_all(STDOUT_FILENO, bytes, len, newline)
			   : sink_write_file(path, bytes, len, newline);

	if (rc == 0)
		return EXIT_DONE;
	return complain_output(is_stdout ? "standard output" : path, errno);
}
