#include "worker/modules/image-memory.h"

#include "worker/call.h"
#include "worker/quota.h"

int
image_memory_bound(struct call *call, int (*run)(struct call *call))
{
	int rc;

	if (quota_allow(IMAGE_MEMORY_MAX) == -1)
		return call_fail(call, CODE_WORKER_ERROR,
		    "the memory cannot be bounded");
	rc = run(call);
	quota_restore();
	return rc;
}
