#include "worker/keyring-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define FILE_CREDENTIALS "CREDENTIALS_DIRECTORY"
#define FILE_OTHERS (S_IRWXG | S_IRWXO)

/* What is wrong with a file's owner or mode; NULL: nothing. */
static const char *
file_flaw(const struct stat *st, uid_t owner, bool credential, char *flaw,
    size_t size)
{
	mode_t others = st->st_mode & FILE_OTHERS;

	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != 0 && st->st_uid != owner) {
		snprintf(flaw, size,
		    "belongs to uid %u; root or the server's user (uid %u) "
		    "must own it",
		    (unsigned int)st->st_uid, (unsigned int)owner);
		return flaw;
	}
	/*
	 * systemd gives its service the right to read by an access list, whose
	 * mask shows in the group's place: acl(5).
	 */
	if (credential && st->st_uid == 0)
		others &= (mode_t)~S_IRGRP;
	if (others == 0)
		return NULL;
	snprintf(flaw, size,
	    "has mode %04o, which lets others at it; 0600 or 0400 is allowed",
	    (unsigned int)(st->st_mode & 07777));
	return flaw;
}

/* Makes a path of a credential's name. False: there are no credentials. */
static bool
file_path(const char *name, char path[PATH_MAX])
{
	const char *folder = getenv(FILE_CREDENTIALS);

	if (strchr(name, '/') != NULL) {
		snprintf(path, PATH_MAX, "%s", name);
		return true;
	}
	if (folder == NULL || folder[0] == '\0')
		return false;
	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return true;
}

/* Reads up to max bytes and one more. -1 with errno. */
static ssize_t
file_fill(int fd, uint8_t *bytes, size_t max)
{
	size_t n = 0;

	while (n < max) {
		ssize_t got = read(fd, bytes + n, max - n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* Reads what is open. Returns the length, or -1 with a sentence. */
static int
file_take(int fd, const char *path, size_t max, uint8_t **bytes, char *why,
    size_t size)
{
	uint8_t *room = sodium_malloc(max + 1);
	ssize_t n;

	if (room == NULL) {
		snprintf(why, size, "%s: no memory", path);
		return -1;
	}
	n = file_fill(fd, room, max + 1);
	if (n == -1)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	else if (n == 0)
		snprintf(why, size, "%s is empty", path);
	else if ((size_t)n > max)
		snprintf(why, size, "%s has more than %zu bytes", path, max);
	if (n <= 0 || (size_t)n > max) {
		sodium_free(room); /* wipes it */
		return -1;
	}
	*bytes = room;
	return (int)n;
}

int
keyring_file_read(const char *file, uid_t owner, size_t max, uint8_t **bytes,
    char *why, size_t size)
{
	char path[PATH_MAX], words[160];
	const char *flaw;
	struct stat st;
	int fd, n;

	if (!file_path(file, path)) {
		snprintf(why, size,
		    "%s has no slash, so it is a systemd credential, and "
		    "$" FILE_CREDENTIALS " is not set",
		    file);
		return -1;
	}
	/* not to wait for who writes to a pipe; what is open is looked at */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	flaw = file_flaw(&st, owner, strchr(file, '/') == NULL, words,
	    sizeof words);
	if (flaw != NULL) {
		snprintf(why, size, "%s %s", path, flaw);
		close(fd);
		return -1;
	}
	n = file_take(fd, path, max, bytes, why, size);
	close(fd);
	return n;
}
