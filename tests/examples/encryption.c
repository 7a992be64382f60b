/*
 * The guide's /api/secrets: keeps secrets encrypted.
 *
 *	encryption FOLDER put NAME <secret
 *	encryption FOLDER get NAME
 *
 * $ENCRYPTION_KEY_FILE names the file with the key; it is made when it is not
 * there. Neither key nor secret stands on a command line, where everybody can
 * see it.
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <moro.h>

#define PATH_BYTES 4096
#define FILE_BYTES 65536

/* Says what is wrong with a reply, if anything is. Returns 0, or -1. */
static int
check(const struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return 0;
	fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
	    moro_reply_message(r));
	return -1;
}

/* Reads a small file. Returns its length, or -1. */
static ssize_t
read_file(const char *path, char *bytes)
{
	FILE *f = fopen(path, "r");
	size_t len;

	if (f == NULL)
		return -1;
	len = fread(bytes, 1, FILE_BYTES, f);
	fclose(f);
	return (ssize_t)len;
}

/* Writes a line to a file that only its owner may read. Returns 0, or -1. */
static int
write_file(const char *path, const char *line, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	if (fd == -1)
		return -1;
	dprintf(fd, "%s\n", line);
	return close(fd);
}

/* Makes the key unless there is one: 32 random bytes in hexadecimal digits. */
static int
make_key(struct moro *m, const char *path)
{
	struct moro_reply *r;
	int rc = 0;

	if (access(path, F_OK) == 0)
		return 0;
	r = moro_generate_key(m, NULL, NULL);
	/* O_EXCL: whoever made one meanwhile has used it already */
	if (check(r) == -1 ||
	    (write_file(path, moro_reply_text(r, NULL), O_EXCL) == -1 &&
		errno != EEXIST))
		rc = -1;
	moro_reply_free(r);
	return rc;
}

/* Begins the data of a task: key, and what the secret is tied to. */
static struct moro_map *
begin_data(const char *key_path, const char *name)
{
	struct moro_map *data = moro_map_new();
	char key[FILE_BYTES + 1], aad[PATH_BYTES];
	ssize_t len = read_file(key_path, key);

	key[len > 0 ? len : 0] = '\0';
	key[strcspn(key, "\n")] = '\0';
	moro_map_text(data, "key", key);
	/*
	 * Who can write to the folder, but has no key, cannot exchange one
	 * secret for another. (moro_encrypt_data() does without.)
	 */
	snprintf(aad, sizeof aad, "secret %s", name);
	moro_map_text(data, "aad", aad);
	return data;
}

/* POST /api/secrets */
static int
put_secret(struct moro *m, struct moro_map *data, const char *path)
{
	char secret[FILE_BYTES];
	struct moro_reply *r;
	int rc;

	moro_map_bytes(data, "data", secret,
	    fread(secret, 1, sizeof secret, stdin));
	r = moro_call(m, "crypto:encrypt", moro_map_data(data),
	    moro_map_size(data), NULL);
	rc = check(r);
	if (rc == 0)
		rc = write_file(path, moro_reply_text(r, NULL), O_TRUNC);
	moro_reply_free(r);
	return rc;
}

/* GET /api/secrets/:name */
static int
get_secret(struct moro *m, struct moro_map *data, const char *path)
{
	char envelope[FILE_BYTES];
	ssize_t len = read_file(path, envelope);
	struct moro_reply *r;
	const char *secret;
	size_t secret_len;
	int rc;

	if (len <= 0) {
		fprintf(stderr, "there is no such secret\n");
		return -1;
	}
	/* the last byte is the line's end */
	moro_map_bytes(data, "data", envelope, (size_t)len - 1);
	r = moro_call(m, "crypto:decrypt", moro_map_data(data),
	    moro_map_size(data), NULL);
	rc = check(r);
	if (rc == 0) {
		secret = moro_reply_text(r, &secret_len);
		fwrite(secret, 1, secret_len, stdout);
	}
	moro_reply_free(r);
	return rc;
}

/* Whether it is a name that can stand in a path. */
static int
name_ok(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";

	return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

int
main(int argc, char **argv)
{
	const char *key = getenv("ENCRYPTION_KEY_FILE");
	char path[PATH_BYTES];
	struct moro_map *data;
	struct moro *m;
	int rc = -1;

	if (argc != 4 || key == NULL || !name_ok(argv[3])) {
		fprintf(stderr, "usage: see the source\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/%s", argv[1], argv[3]);
	m = moro_new();
	moro_connect(m, NULL);
	if (make_key(m, key) == 0) {
		data = begin_data(key, argv[3]);
		if (strcmp(argv[2], "put") == 0)
			rc = put_secret(m, data, path);
		else if (strcmp(argv[2], "get") == 0)
			rc = get_secret(m, data, path);
		moro_map_free(data); /* overwrites the key */
	}
	moro_free(m);
	return rc == 0 ? 0 : 1;
}
