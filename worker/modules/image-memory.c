#include "worker/modules/image-memory.h"

#include <moro_module.h>

int
image_memory_bound(struct moro_task *task, int (*run)(struct moro_task *task))
{
	int rc;

	if (moro_memory_allow(IMAGE_MEMORY_MAX) == -1)
		return moro_fail(task, MORO_FAIL_WORKER_ERROR,
		    "the memory cannot be bounded");
	rc = run(task);
	moro_memory_restore();
	return rc;
}
