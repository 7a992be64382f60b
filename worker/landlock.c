#include "worker/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the kernel's interface; the headers of Debian 12 know version 2 alone. */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE 445
#define NR_RESTRICT_SELF 446
#define CREATE_RULESET_VERSION (1u << 0)
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_TRUNCATE (1ull << 14)
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

#define NET_BIND_TCP (1ull << 0)
#define NET_CONNECT_TCP (1ull << 1)

#define SCOPE_ABSTRACT (1ull << 0)
#define SCOPE_SIGNAL (1ull << 1)

struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* All rights over files that a version knows. */
static uint64_t
landlock_files(int version)
{
	/* version 1 has bits 0 to 12; each has its own after that */
	static const unsigned int bits[] = {13, 14, 15, 15, 16};
	const int n = sizeof bits / sizeof bits[0];

	return (1ull << bits[version <= n ? version - 1 : n - 1]) - 1;
}

int
landlock_version(void)
{
	long version =
	    syscall(NR_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

/* The struct grew: a kernel takes what it knows. */
static size_t
landlock_attr_size(int version)
{
	if (version >= LANDLOCK_VERSION_SCOPES)
		return sizeof(struct ruleset_attr);
	return version >= LANDLOCK_VERSION_NET
		   ? offsetof(struct ruleset_attr, scoped)
		   : offsetof(struct ruleset_attr, net);
}

/* What may be done with a path: no programs, and no devices are made. */
static uint64_t
landlock_rights(const struct landlock_path *p, bool is_folder, uint64_t all)
{
	uint64_t rights = FS_READ_FILE | FS_READ_DIR;

	if (p->files)
		rights = FS_READ_FILE;
	if (p->write)
		rights = ~(FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK);
	return rights & all & (is_folder ? ~0ull : FS_OF_FILES);
}

/* Adds a path. Returns 0, or -1 with errno. */
static int
landlock_add(int ruleset, const struct landlock_path *p, uint64_t all)
{
	struct path_attr attr = {.parent = open(p->path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int rc = -1, saved;

	if (attr.parent == -1)
		/* what this user cannot come to is closed already */
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			   ? 0
			   : -1;
	if (fstat(attr.parent, &st) == 0) {
		attr.allowed = landlock_rights(p, S_ISDIR(st.st_mode), all);
		rc = (int)syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH,
		    &attr, 0);
	}
	saved = errno;
	close(attr.parent);
	errno = saved;
	return rc;
}

int
landlock_enter(const struct landlock_path *paths, size_t n, unsigned int scopes)
{
	int version = landlock_version(), rc = 0, saved;
	struct ruleset_attr attr = {
	    .fs = landlock_files(version > 0 ? version : 1),
	    .net = NET_BIND_TCP | NET_CONNECT_TCP,
	    .scoped =
		SCOPE_ABSTRACT | (scopes & LANDLOCK_OTHERS ? SCOPE_SIGNAL : 0),
	};
	int ruleset = (int)syscall(NR_CREATE_RULESET, &attr,
	    landlock_attr_size(version), 0);

	if (ruleset == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = landlock_add(ruleset, &paths[i], attr.fs);
	if (rc == 0)
		rc = (int)syscall(NR_RESTRICT_SELF, ruleset, 0);
	saved = errno;
	close(ruleset);
	errno = saved;
	return rc;
}
