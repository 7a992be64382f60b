#ifndef MORO_SERVER_USER_H
#define MORO_SERVER_USER_H

/*
 * Who the processes of morod are that root has started: all but the master
 * become --user, and have none of root's rights any more.
 */

#include <pwd.h>
#include <stddef.h>
#include <sys/types.h>

/* The user of a name or a number. NULL with what is wrong, behind "user ". */
const struct passwd *user_look_up(const char *name, char *why, size_t size);

/*
 * Finds the user, a name or a number, with its groups. Of a process that is not
 * root it may be its own. Returns 0, or -1 with what is wrong, behind "user ".
 */
int user_set(const char *name, char *why, size_t size);

/*
 * Whose morod this is: who has started it, also where this process has become
 * another user, for programs are that user as well.
 */
uid_t user_owner(void);

/* Who processes become; who they are, if that is nobody else. */
uid_t user_uid(void);

/* The user's first group; (gid_t)-1: processes stay who they are. */
gid_t user_group(void);

/*
 * This process becomes the user for good, and has no capability. Nothing is
 * done where none is set. Returns 0, or -1 with errno.
 */
int user_become(void);

#endif
