#include "server/config-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

int
config_load(struct config *config, const char *path, bool must_exist,
    struct config_errors *errors)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len;
	char *text;
	int rc;

	errors->path = path;
	if (fd == -1) {
		if (errno == ENOENT && !must_exist)
			return 0;
		config_error_at(errors, 0, "%s", strerror(errno));
		return -1;
	}
	text = load_bytes(fd, &len);
	if (text == NULL)
		config_error_at(errors, 0, "%s",
		    errno == EFBIG ? "longer than 1 MiB" : strerror(errno));
	close(fd);
	if (text == NULL)
		return -1;
	config->file_read = true;
	rc = config_file_read(config, text, len, errors);
	free(text);
	return rc;
}
