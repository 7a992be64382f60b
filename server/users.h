#ifndef MORO_SERVER_USERS_H
#define MORO_SERVER_USERS_H

/*
 * Lists of users, as options have them, separated by commas or blanks: own (root, and
 * who has started morod), all, group (members of the socket's
 * group), none, names and numbers of users, and of groups behind an @. Who is
 * not on a list is not meant by it: root neither.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer;

/*
 * Puts numbers in the place of names: they are looked up once, by a process that
 * may wait. Returns the list, which the caller frees, or NULL with a sentence
 * in why.
 */
char *users_resolve(const char *list, char *why, size_t size);

/* Whether somebody is on a list without names; `group` is the socket's. */
bool users_allow(const char *list, const struct peer *who, gid_t group);

/* Whether there is nobody on it but root and who has started morod. */
bool users_are_own(const char *list);

/* Whether it is root or who has started morod. */
bool users_is_own(uid_t uid);

/* The number of a group's name, or of a number. False: there is none. */
bool users_group(const char *name, gid_t *group);

#endif
