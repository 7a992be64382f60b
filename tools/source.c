#include "tools/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limit.h"
#include "tools/complain.h"
#include "tools/meter.h"

#define SOURCE_FIRST ((size_t)64 << 10) /* bytes of the first allocation */
#define SOURCE_PIECE ((size_t)16 << 20) /* bytes of one read, at most */
#define SOURCE_MAX LIMIT_FRAME_MAX /* no server takes more */

/* How long a regular file is that tells it, else 0. */
static size_t
source_len(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return 0;
	return (size_t)st.st_size;
}

/* Bytes to begin with: the whole of a file, so that it is moved never. */
static size_t
source_size(size_t len, size_t max)
{
	if (len == 0)
		return SOURCE_FIRST;
	max = max < SOURCE_MAX ? max : SOURCE_MAX;
	return (len < max ? len : max) + 2;
}

/* Makes room for more, and for the NUL. Returns 0, or -1 with errno. */
static int
source_grow(struct source *s, size_t *size)
{
	size_t wanted = *size * 2;
	char *bytes;

	if (s->len + 1 < *size)
		return 0;
	if (s->len > SOURCE_MAX) {
		errno = EFBIG;
		return -1;
	}
	bytes = realloc(s->bytes, wanted);
	if (bytes == NULL)
		return -1;
	s->bytes = bytes;
	*size = wanted;
	return 0;
}

/* Reads once, at most up to max bytes. Returns what read() does. */
static ssize_t
source_read_some(struct source *s, int fd, size_t room, size_t max)
{
	size_t wanted = room < max - s->len ? room : max - s->len;
	ssize_t n;

	/* in pieces, so that there is something to draw in between */
	if (wanted > SOURCE_PIECE)
		wanted = SOURCE_PIECE;
	do
		n = read(fd, s->bytes + s->len, wanted);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		s->len += (size_t)n;
	meter_set((double)s->len);
	return n;
}

/* Reads to the end, or up to max bytes. Returns 0, or -1 with errno. */
static int
source_read_fd(struct source *s, int fd, size_t max)
{
	size_t len = source_len(fd), size = source_size(len, max);
	ssize_t n = 1;

	s->bytes = malloc(size);
	if (s->bytes == NULL)
		return -1;
	meter_begin(true, len != 0 ? (double)len : METER_UNKNOWN,
	    METER_IF_SLOW);
	while (n > 0 && s->len < max) {
		if (source_grow(s, &size) == -1)
			n = -1;
		else
			n = source_read_some(s, fd, size - s->len - 1, max);
	}
	meter_end();
	s->bytes[s->len] = '\0';
	return n >= 0 ? 0 : -1;
}

int
source_read(struct source *s, const char *path, size_t max)
{
	int is_stdin = path == NULL || strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc = -1, error;

	s->bytes = NULL;
	s->len = 0;
	if (fd != -1)
		rc = source_read_fd(s, fd, max != 0 ? max : SIZE_MAX);
	error = errno;
	if (fd != -1 && !is_stdin)
		close(fd);
	if (rc == 0)
		return EXIT_DONE;
	source_clear(s);
	return complain_usage("cannot read %s: %s",
	    is_stdin ? "standard input" : path, strerror(error));
}

int
source_open(const char *path)
{
	struct stat st;
	int fd;

	if (path == NULL || strcmp(path, "-") == 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return -1;
	/* files of /proc say that they are empty */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		return fd;
	close(fd);
	return -1;
}

void
source_chomp(struct source *s)
{
	if (s->len > 0 && s->bytes[s->len - 1] == '\n')
		s->bytes[--s->len] = '\0';
}

void
source_clear(struct source *s)
{
	if (s->bytes != NULL)
		explicit_bzero(s->bytes, s->len);
	free(s->bytes);
	s->bytes = NULL;
	s->len = 0;
}
