/*
 * Runs a program as on a kernel that was built without something:
 *
 *	without landlock|seccomp PROGRAM [ARGUMENT...]
 */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LANDLOCK_CREATE_RULESET 444

int
main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = -1;

	if (argc < 3 || filter == NULL)
		return 2;
	if (strcmp(argv[1], "landlock") == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
		    LANDLOCK_CREATE_RULESET, 0);
	else if (strcmp(argv[1], "seccomp") == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL),
		    SCMP_SYS(seccomp), 0);
	/* root may do it without, and what it starts is to gain rights */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	if (rc != 0) {
		fprintf(stderr, "without: %s\n", strerror(-rc));
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
