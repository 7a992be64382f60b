#include "worker/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void
capability_bound(void)
{
	int has;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* it fails behind the last that the kernel knows */
	for (int i = 0; (has = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) != -1; i++) {
		/* looking is cheap; a process that has none may not drop any */
		if (has == 1 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == -1)
			return;
	}
}

int
capability_clear(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return (int)syscall(SYS_capset, &head, none);
}
