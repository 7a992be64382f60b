/* Named keys: sections [key NAME], and what their files hold. */
#include "server/config-keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/config-parts.h"
#include "server/process.h"
#include "server/user.h"
#include "worker/isolate.h"
#include "worker/keyring.h"

/* What the process that reads the files tells. */
struct keys_found {
	bool done; /* all are read */
	size_t n; /* how many are: the next one is the bad one */
	char why[KEYRING_WHY];
	char ids[][KEYRING_IDS];
};

struct key_config *
config_key(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_keys; i++) {
		if (strcmp(config->keys[i].name, name) == 0)
			return &config->keys[i];
	}
	return NULL;
}

struct key_config *
config_key_add(struct config *config, const char *name, size_t len)
{
	struct key_config *keys = reallocarray(config->keys, config->n_keys + 1,
	    sizeof *config->keys);
	struct key_config *k;
	struct config_section s;

	if (keys == NULL)
		return NULL;
	config->keys = keys;
	k = &keys[config->n_keys++];
	memset(k, 0, sizeof *k);
	memcpy(k->name, name, len);
	s = config_section_key(k);
	return config_fallbacks(&s, IN_KEY) == 0 ? k : NULL;
}

struct keyring_source
config_key_source(const struct key_config *k)
{
	struct keyring_source source = {
	    .name = k->name,
	    .file = k->file,
	    .old = k->old,
	    .types = k->types,
	    .versions = k->versions,
	    .format = (enum keyring_format)k->format,
	};

	return source;
}

/* Whether two texts, which may be NULL, are the same. */
static bool
keys_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
config_keys_same(const struct config *a, const struct config *b)
{
	if (a->n_keys != b->n_keys)
		return false;
	for (size_t i = 0; i < a->n_keys; i++) {
		const struct key_config *x = &a->keys[i];
		const struct key_config *y = config_key(b, x->name);

		if (y == NULL || x->format != y->format ||
		    !keys_same_text(x->versions, y->versions) ||
		    !keys_same_text(x->types, y->types))
			return false;
	}
	return true;
}

/* The process that reads; does not return. */
static _Noreturn void
keys_child(const struct config *config, int fd, struct keys_found *found)
{
	isolate_core(); /* it has what is in the files */
	/*
	 * whose files are as good as root's; it is root that reads them, and
	 * if there is no such user that is said by another
	 */
	if (config->user != NULL &&
	    user_set(config->user, found->why, sizeof found->why) == -1)
		found->why[0] = '\0';
	for (size_t i = 0; i < config->n_keys; i++) {
		const struct key_config *k = &config->keys[i];
		struct keyring_source source = config_key_source(k);

		source.owner = user_uid();
		if (keyring_add(&source, found->why, sizeof found->why) == -1)
			break;
		keyring_ids(keyring_find(k->name, strlen(k->name)),
		    found->ids[i]);
		found->n++;
	}
	found->done = found->n == config->n_keys && keyring_give(fd) == 0;
	keyring_clear();
	_exit(EXIT_SUCCESS);
}

/* Has them read. Returns 0, or -1: that could not be, with errno. */
static int
keys_read(const struct config *config, int fd, struct keys_found *found)
{
	pid_t pid = process_fork();
	int status;

	if (pid == 0)
		keys_child(config, fd, found);
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return -1;
	}
	if (found->done || found->why[0] != '\0')
		return 0;
	errno = ECHILD;
	return -1;
}

/* Notes the ids, which are those that were wanted, if any were. */
static bool
keys_note(struct key_config *k, const char *ids, struct config_errors *errors)
{
	if (k->versions == NULL)
		k->versions = strdup(ids);
	if (k->versions == NULL)
		config_error(errors, "out of memory");
	return k->versions != NULL;
}

/* Takes what was found. */
static int
keys_take(struct config *config, const struct keys_found *found,
    struct config_errors *errors)
{
	int rc = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (!keys_note(&config->keys[i], found->ids[i], errors))
			rc = -1;
	}
	if (found->done)
		return rc;
	config_error_at(errors, config->keys[found->n].line, "key %s: %s",
	    config->keys[found->n].name, found->why);
	return -1;
}

/*
 * Has them read to a file in memory that nobody can change any more. Returns
 * its descriptor, or -1 with errno.
 */
static int
keys_hold(const struct config *config, struct keys_found *found)
{
	int fd = memfd_create("morod-keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (fchmod(fd, S_IRUSR) == 0 && keys_read(config, fd, found) == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

void
config_keys_close(struct config *config)
{
	if (config->keys_fd > 0)
		close(config->keys_fd);
	config->keys_fd = 0;
}

int
config_keys_try(struct config *config, struct config_errors *errors)
{
	size_t size =
	    sizeof(struct keys_found) + config->n_keys * (size_t)KEYRING_IDS;
	struct keys_found *found;
	int fd = -1, rc = -1;

	if (config->n_keys == 0)
		return 0;
	found = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found != MAP_FAILED)
		fd = keys_hold(config, found);
	if (fd == -1)
		config_error(errors, "keys cannot be read: %s",
		    strerror(errno));
	else
		rc = keys_take(config, found, errors);
	config->keys_fd = fd != -1 ? fd : 0;
	if (found != MAP_FAILED)
		munmap(found, size);
	return rc;
}
