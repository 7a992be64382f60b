#include "server/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/units.h"
#include "server/process.h"
#include "worker/capability.h"

#define USER_GROUPS 16 /* at first */

static struct {
	bool changes; /* who processes are */
	uid_t owner; /* who this was before */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
} user;

/* The entry of a name or a number. NULL: there is none. */
static const struct passwd *
user_find(const char *name)
{
	const struct passwd *pw = getpwnam(name);
	uint64_t uid;

	if (pw == NULL && units_number(name, 0, (uid_t)-2, &uid) == 0)
		pw = getpwuid((uid_t)uid);
	return pw;
}

/* Learns the groups that the user is in. Returns 0 or -1. */
static int
user_find_groups(const char *name)
{
	int n = USER_GROUPS;

	for (;;) {
		gid_t *groups =
		    reallocarray(user.groups, (size_t)n, sizeof *groups);

		if (groups == NULL)
			return -1;
		user.groups = groups;
		user.n_groups = n;
		if (getgrouplist(name, user.gid, groups, &user.n_groups) != -1)
			return 0;
		n = user.n_groups > n ? user.n_groups : 2 * n;
	}
}

const struct passwd *
user_look_up(const char *name, char *why, size_t size)
{
	const struct passwd *pw = user_find(name);

	if (pw == NULL)
		snprintf(why, size,
		    "takes the name or number of a user, and there is no user "
		    "%s",
		    name);
	return pw;
}

int
user_set(const char *name, char *why, size_t size)
{
	const struct passwd *pw = user_look_up(name, why, size);

	if (pw == NULL)
		return -1;
	if (pw->pw_uid == geteuid())
		return 0;
	if (geteuid() != 0) {
		snprintf(why, size,
		    "is for a morod that root starts: this one cannot become "
		    "%s",
		    name);
		return -1;
	}
	user.owner = geteuid();
	user.uid = pw->pw_uid;
	user.gid = pw->pw_gid;
	if (user_find_groups(pw->pw_name) == -1) {
		snprintf(why, size, "has no memory for the groups of %s", name);
		return -1;
	}
	user.changes = true;
	/* once for all that it starts: each would take 25 us for it */
	capability_bound();
	return 0;
}

gid_t
user_group(void)
{
	return user.changes ? user.gid : (gid_t)-1;
}

uid_t
user_uid(void)
{
	return user.changes ? user.uid : geteuid();
}

uid_t
user_owner(void)
{
	return user.changes ? user.owner : geteuid();
}

int
user_become(void)
{
	if (!user.changes)
		return 0;
	capability_bound();
	if (setgroups((size_t)user.n_groups, user.groups) == -1 ||
	    setresgid(user.gid, user.gid, user.gid) == -1 ||
	    setresuid(user.uid, user.uid, user.uid) == -1 ||
	    capability_clear() == -1)
		return -1;
	/* a process that root's rights can come back to is not what was asked */
	if (setuid(0) == 0) {
		errno = EPERM;
		return -1;
	}
	return process_bind(); /* the kernel has forgotten it at the change */
}
