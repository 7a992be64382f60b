/*
 * Who processes become. What is set is so for good: each test has a process of
 * its own.
 */

#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/process.h"
#include "server/user.h"

#define STATUS 7
#define SOMEBODY "nobody"
#define NUMBER_MAX 24
#define WHY_MAX 160
#define GROUPS_MAX 256

/* Whether it holds, in a process of its own, as morod starts them. */
static void
assert_holds(bool (*what)(void))
{
	pid_t pid = process_fork();
	int status;

	/* so that what it ran is counted, if it still may write that */
	if (pid == 0)
		exit(what() ? STATUS : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS);
}

/* Whether nothing is set: processes are who they are. */
static bool
is_unset(void)
{
	return user_uid() == geteuid() && user_owner() == geteuid() &&
	       user_group() == (gid_t)-1;
}

static bool
unknown(void)
{
	char why[WHY_MAX] = "";

	return user_set("no-such-user", why, sizeof why) == -1 &&
	       strstr(why, "there is no user no-such-user") != NULL &&
	       is_unset();
}

static void
test_unknown(void **state)
{
	assert_holds(unknown);
}

/* Who it is already, by number: nothing is done, also when it comes to that. */
static bool
own(void)
{
	char number[NUMBER_MAX], why[WHY_MAX] = "";

	snprintf(number, sizeof number, "%u", (unsigned int)geteuid());
	return user_set(number, why, sizeof why) == 0 && why[0] == '\0' &&
	       is_unset() && user_become() == 0;
}

static void
test_own(void **state)
{
	if (getpwuid(geteuid()) == NULL)
		skip();
	assert_holds(own);
}

static bool
without_root(void)
{
	char why[WHY_MAX] = "";

	/* root has no right to it for a moment */
	if (geteuid() == 0 && seteuid(getpwnam(SOMEBODY)->pw_uid) == -1)
		return false;
	return user_set("root", why, sizeof why) == -1 &&
	       strstr(why, "this one cannot become root") != NULL &&
	       is_unset() && (getuid() != 0 || seteuid(0) == 0);
}

static void
test_without_root(void **state)
{
	assert_holds(without_root);
}

static bool
set(void)
{
	const struct passwd *pw = getpwnam(SOMEBODY);
	char why[WHY_MAX] = "";
	uid_t uid = pw->pw_uid;
	gid_t gid = pw->pw_gid;

	return user_set(SOMEBODY, why, sizeof why) == 0 && user_uid() == uid &&
	       user_group() == gid && user_owner() == 0 && geteuid() == 0 &&
	       /* what is started has no capability any more, root or not */
	       prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0;
}

/* It is known who processes become; this one is not yet. */
static void
test_set(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_holds(set);
}

static bool
become(void)
{
	const struct passwd *pw = getpwnam(SOMEBODY);
	uid_t uid = pw->pw_uid, uids[3];
	gid_t gid = pw->pw_gid, gids[3], groups[GROUPS_MAX];
	char why[WHY_MAX];
	int n, sig = 0;

	if (user_set(SOMEBODY, why, sizeof why) == -1 || user_become() == -1 ||
	    getresuid(&uids[0], &uids[1], &uids[2]) == -1 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) == -1)
		return false;
	for (int i = 0; i < 3; i++) {
		if (uids[i] != uid || gids[i] != gid)
			return false;
	}
	n = getgroups(GROUPS_MAX, groups);
	for (int i = 0; i < n; i++) {
		if (groups[i] == 0)
			return false;
	}
	return n > 0 && setuid(0) == -1 && setgid(0) == -1 &&
	       user_owner() == 0 && user_uid() == uid &&
	       prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL;
}

/*
 * It becomes the user, with the user's groups and for good, and dies with its
 * parent as before.
 */
static void
test_become(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_holds(become);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_own),
	    cmocka_unit_test(test_without_root),
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
