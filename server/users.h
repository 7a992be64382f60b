#ifndef MORO_SERVER_USERS_H
#define MORO_SERVER_USERS_H

/*
 * Lists of users, as an option has them: own (the user that morod runs as, and
 * root), all, and names and numbers of users, separated by commas or blanks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Puts numbers in the place of names: they are looked up once, by a process that
 * may wait. Returns the list, which the caller frees, or NULL with a sentence
 * in why.
 */
char *users_resolve(const char *list, char *why, size_t size);

/* Whether a user is on a list without names. */
bool users_allow(const char *list, uid_t uid);

/* Whether there is nobody on it but root and the user that morod runs as. */
bool users_are_own(const char *list);

#endif
