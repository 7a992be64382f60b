#include "server/config-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_BYTES_MAX ((size_t)1 << 20)

/* Reads a descriptor to its end. NULL with errno, EFBIG when it is too long. */
static char *
load_bytes(int fd, size_t *len)
{
	char *text = malloc(LOAD_BYTES_MAX + 1);
	size_t n = 0;
	ssize_t got = 1;
	int saved;

	while (text != NULL && got > 0 && n <= LOAD_BYTES_MAX) {
		got = read(fd, text + n, LOAD_BYTES_MAX + 1 - n);
		if (got == -1 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	*len = n;
	if (text == NULL || (got != -1 && n <= LOAD_BYTES_MAX))
		return text;
	saved = got == -1 ? errno : EFBIG;
	free(text);
	errno = saved;
	return NULL;
}

/* Takes the text of a file, and reads it. */
static int
load_text(struct config *config, char *text, size_t len, bool pipe,
    struct config_errors *errors)
{
	int rc;

	config->file_read = true;
	rc = config_file_read(config, text, len, errors);
	if (pipe) {
		config->pipe = text;
		config->pipe_len = len;
	} else {
		free(text);
	}
	return rc;
}

/* Reads again what has come through a pipe. */
static int
load_again(struct config *config, const struct config *before,
    struct config_errors *errors)
{
	char *text = malloc(before->pipe_len + 1);

	if (text == NULL) {
		config_error_at(errors, 0, "%s", strerror(errno));
		return -1;
	}
	memcpy(text, before->pipe, before->pipe_len);
	return load_text(config, text, before->pipe_len, true, errors);
}

int
config_load(struct config *config, const char *path, bool must_exist,
    const struct config *before, struct config_errors *errors)
{
	struct stat st;
	size_t len;
	char *text;
	int fd;

	errors->path = path;
	if (before != NULL && before->pipe != NULL)
		return load_again(config, before, errors);
	/* who reads again must not wait for somebody to write to a pipe */
	fd = open(path,
	    O_RDONLY | O_CLOEXEC | (before != NULL ? O_NONBLOCK : 0));
	if (fd == -1 && errno == ENOENT && !must_exist)
		return 0;
	text = fd != -1 && fstat(fd, &st) == 0 ? load_bytes(fd, &len) : NULL;
	if (text == NULL)
		config_error_at(errors, 0, "%s",
		    errno == EFBIG ? "longer than 1 MiB" : strerror(errno));
	if (fd != -1)
		close(fd);
	if (text == NULL)
		return -1;
	if (before != NULL && S_ISFIFO(st.st_mode)) {
		config_error_at(errors, 0, "a pipe is not read again");
		free(text);
		return -1;
	}
	return load_text(config, text, len, S_ISFIFO(st.st_mode), errors);
}
