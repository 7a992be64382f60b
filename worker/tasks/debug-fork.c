/* debug:fork: a task that leaves a process behind. */

#include "worker/tasks/debug.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker/call.h"

/* Gives the number of a process that sleeps until it is killed. */
static int
fork_run(struct call *call)
{
	pid_t pid = fork();

	if (pid == -1)
		return call_fail(call, CODE_WORKER_ERROR, "cannot fork: %s",
		    strerror(errno));
	if (pid == 0) {
		for (;;)
			pause();
	}
	msgpack_pack_int64(&call->pk, pid);
	return 0;
}

const struct task_type debug_fork_type = {
    .name = "debug:fork",
    .about = "Leaves a process behind, which ends with the worker.",
    .result = "The process's number.",
    .example = "null",
    .flags = TYPE_DEBUG,
    .run = fork_run,
};
