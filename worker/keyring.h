#ifndef MORO_WORKER_KEYRING_H
#define MORO_WORKER_KEYRING_H

/*
 * Named keys: secrets that are in files of the server's, and that tasks use by
 * name. A process of its own reads the files, and leaves what they hold in a
 * file in memory, which workers alone read: so those that come later have the
 * same as the others, whatever became of the files. The master and the
 * dispatcher know names and versions.
 *
 * A key has a current version, which makes things, and old ones, which only
 * open what they made. Each is known by an id that is made of the secret, so
 * that it stays the same wherever its file is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <msgpack.h>

#define KEYRING_ID 8 /* bytes of a version's id */
#define KEYRING_ID_TEXT (2 * KEYRING_ID) /* the same in hex digits */
#define KEYRING_FILE_MAX ((size_t)16384) /* bytes of a file */
#define KEYRING_VERSIONS 16 /* of one key, with the current one */
#define KEYRING_WHY 320 /* bytes of a sentence */

/* How a file is read: enum config_key_format has the same order. */
enum keyring_format {
	KEYRING_TEXT, /* a string: all but one line's end behind it */
	KEYRING_BINARY, /* the bytes as they are; these three are bytes */
	KEYRING_BASE64, /* with padding or without; blanks do not count */
	KEYRING_HEX, /* likewise */
};

/* One version of a key; none of it may be written to. */
struct keyring_version {
	uint8_t id[KEYRING_ID];
	char text[KEYRING_ID_TEXT + 1]; /* the id in hex */
	msgpack_object value; /* str or bin, as if a client had sent it */
};

struct keyring_key {
	const char *name; /* borrowed */
	const char *types; /* that may use it, separated by commas; or NULL */
	size_t n; /* > 0 */
	struct keyring_version versions[KEYRING_VERSIONS]; /* current first */
};

/* Where a key is. All is borrowed for as long as keys are used. */
struct keyring_source {
	const char *name;
	const char *file; /* a path, or the name of a credential */
	const char *old; /* more of them, separated by commas; or NULL */
	const char *types;
	const char *versions; /* ids that must be there, "ID,ID"; NULL: any */
	enum keyring_format format;
	uid_t owner; /* of files, where it is not root */
};

/*
 * Reads a key's files, and adds it to those of this process. Returns 0, or -1
 * with a sentence that names the file and holds nothing of the secret.
 */
int keyring_add(const struct keyring_source *source, char *why, size_t size);

/*
 * Writes the keys of this process to a file, from where it is on. Returns 0, or
 * -1 with errno.
 */
int keyring_give(int fd);

/*
 * Adds the keys that keyring_give() has written to a file, from its beginning
 * on: those of the n sources, in this order. Returns 0, or -1 with errno.
 */
int keyring_take(const struct keyring_source *sources, size_t n, int fd);

/* The ids of its versions, "ID,ID". */
#define KEYRING_IDS (KEYRING_VERSIONS * (KEYRING_ID_TEXT + 1))
void keyring_ids(const struct keyring_key *key, char out[KEYRING_IDS]);

/* The key of that name, or NULL. */
const struct keyring_key *keyring_find(const char *name, size_t len);

/* Its version of that id, or NULL. */
const struct keyring_version *keyring_version(const struct keyring_key *key,
    const uint8_t id[KEYRING_ID]);

/* The same by the id's text. */
const struct keyring_version *keyring_version_text(const struct keyring_key
						       *key,
    const char *text, size_t len);

/* Whether tasks of a type may use the key. */
bool keyring_allows(const struct keyring_key *key, const char *type);

/* Wipes and forgets all. */
void keyring_clear(void);

#endif
