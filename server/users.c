#include "server/users.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"

#define USERS_BETWEEN ", \t" /* what separates them */
#define USERS_NAME 64 /* bytes of a name, its NUL included */
#define USERS_OWN "own"
#define USERS_ALL "all"
#define USERS_NOBODY ((uid_t)-1) /* the kernel does not know who it is */

/* Copies the next one off a list. False: the list is at its end. */
static bool
users_next(const char **list, char name[USERS_NAME])
{
	const char *at = *list + strspn(*list, USERS_BETWEEN);
	size_t len = strcspn(at, USERS_BETWEEN);

	*list = at + len;
	/* a name that is cut is nobody's, and is said to be so */
	snprintf(name, USERS_NAME, "%.*s",
	    len < USERS_NAME ? (int)len : USERS_NAME - 1, at);
	return len > 0;
}

/* Reads a user's number. */
static bool
users_number(const char *name, uid_t *uid)
{
	uint64_t n;

	if (units_number(name, 0, USERS_NOBODY - 1, &n) == -1)
		return false;
	*uid = (uid_t)n;
	return true;
}

static bool
users_uid_is_own(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* Writes one behind the others, as a word or a number. False: there is none. */
static bool
users_write(FILE *out, const char *before, const char *name)
{
	const struct passwd *pw;
	uid_t uid;

	if (strcmp(name, USERS_OWN) == 0 || strcmp(name, USERS_ALL) == 0) {
		fprintf(out, "%s%s", before, name);
		return true;
	}
	if (!users_number(name, &uid)) {
		pw = getpwnam(name);
		if (pw == NULL)
			return false;
		uid = pw->pw_uid;
	}
	fprintf(out, "%s%u", before, (unsigned int)uid);
	return true;
}

char *
users_resolve(const char *list, char *why, size_t size)
{
	char name[USERS_NAME], *text = NULL;
	const char *before = "";
	bool ok = true;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	snprintf(why, size, "no memory");
	if (out == NULL)
		return NULL;
	while (ok && users_next(&list, name)) {
		ok = users_write(out, before, name);
		before = ",";
	}
	if (!ok)
		snprintf(why, size,
		    "takes own, all, or names and numbers of users, and there "
		    "is no user %s",
		    name);
	else if (before[0] == '\0')
		snprintf(why, size, "names nobody");
	ok = ok && before[0] != '\0';
	if (fclose(out) == 0 && ok)
		return text;
	free(text);
	return NULL;
}

bool
users_allow(const char *list, uid_t uid)
{
	char name[USERS_NAME];
	uid_t one;

	while (users_next(&list, name)) {
		if (strcmp(name, USERS_ALL) == 0 ||
		    (strcmp(name, USERS_OWN) == 0 && users_uid_is_own(uid)) ||
		    (users_number(name, &one) && one == uid))
			return true;
	}
	return false;
}

bool
users_are_own(const char *list)
{
	char name[USERS_NAME];
	uid_t uid;

	while (users_next(&list, name)) {
		if (strcmp(name, USERS_OWN) != 0 &&
		    !(users_number(name, &uid) && users_uid_is_own(uid)))
			return false;
	}
	return true;
}
