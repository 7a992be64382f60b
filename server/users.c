#include "server/users.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/units.h"
#include "proto/words.h"
#include "server/peer.h"
#include "server/user.h"

#define USERS_NAME 64 /* bytes of a name, its NUL included */
#define USERS_OWN "own"
#define USERS_ALL "all"
#define USERS_SOCKET "group" /* members of the socket's */
#define USERS_NONE "none"
#define USERS_GROUP '@' /* before a group's name or number */
#define USERS_UNKNOWN ((uid_t)-1) /* the kernel does not know who it is */

/* Copies the next one off a list. False: the list is at its end. */
static bool
users_next(const char **list, char name[USERS_NAME])
{
	size_t len;
	const char *at = words_next(list, &len);

	/* a name that is cut is nobody's, and is said to be so */
	snprintf(name, USERS_NAME, "%.*s",
	    len < USERS_NAME ? (int)len : USERS_NAME - 1, at != NULL ? at : "");
	return at != NULL;
}

/* Reads a user's number, or a group's. */
static bool
users_number(const char *name, uid_t *uid)
{
	uint64_t n;

	if (units_number(name, 0, USERS_UNKNOWN - 1, &n) == -1)
		return false;
	*uid = (uid_t)n;
	return true;
}

bool
users_is_own(uid_t uid)
{
	return uid == 0 || uid == user_owner();
}

bool
users_group(const char *name, gid_t *group)
{
	const struct group *gr;

	if (users_number(name, group))
		return true;
	gr = getgrnam(name);
	if (gr != NULL)
		*group = gr->gr_gid;
	return gr != NULL;
}

static bool
users_user(const char *name, uid_t *uid)
{
	const struct passwd *pw;

	if (users_number(name, uid))
		return true;
	pw = getpwnam(name);
	if (pw != NULL)
		*uid = pw->pw_uid;
	return pw != NULL;
}

static bool
users_is_word(const char *name)
{
	static const char *const words[] = {USERS_OWN, USERS_ALL, USERS_SOCKET,
	    USERS_NONE};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(name, words[i]) == 0)
			return true;
	}
	return false;
}

/* Writes one behind the others, as a word or a number. False: there is none. */
static bool
users_write(FILE *out, const char *before, const char *name)
{
	bool group = name[0] == USERS_GROUP;
	uid_t id;

	if (users_is_word(name)) {
		fprintf(out, "%s%s", before, name);
		return true;
	}
	if (group ? !users_group(name + 1, &id) : !users_user(name, &id))
		return false;
	fprintf(out, "%s%s%u", before, group ? "@" : "", (unsigned int)id);
	return true;
}

/* What an error calls a user or a group. */
static const char *
users_bare(const char *name)
{
	if (name[0] != USERS_GROUP)
		return name;
	return name[1] != '\0' ? name + 1 : "without a name";
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
		    "takes own, all, group, none, names and numbers of "
		    "users, "
		    "and of groups behind an @, and there is no %s %s",
		    name[0] == USERS_GROUP ? "group" : "user",
		    users_bare(name));
	else if (before[0] == '\0')
		snprintf(why, size, "names nobody");
	ok = ok && before[0] != '\0';
	if (fclose(out) == 0 && ok)
		return text;
	free(text);
	return NULL;
}

/* Whether one of a list means somebody. */
static bool
users_means(const char *name, const struct peer *who, gid_t group)
{
	uid_t id;

	if (strcmp(name, USERS_ALL) == 0)
		return true;
	if (strcmp(name, USERS_OWN) == 0)
		return users_is_own(who->uid);
	if (strcmp(name, USERS_SOCKET) == 0)
		return peer_in(who, group);
	if (name[0] == USERS_GROUP)
		return users_number(name + 1, &id) && peer_in(who, id);
	return users_number(name, &id) && id == who->uid;
}

bool
users_allow(const char *list, const struct peer *who, gid_t group)
{
	char name[USERS_NAME];

	while (users_next(&list, name)) {
		if (users_means(name, who, group))
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
		    strcmp(name, USERS_NONE) != 0 &&
		    !(users_number(name, &uid) && users_is_own(uid)))
			return false;
	}
	return true;
}
