#include "worker/modules/image-error.h"

#include <inttypes.h>
#include <string.h>

#include <vips/vips.h>

#include "worker/call.h"

/*
 * What libvips and libjpeg say when their allocations fail; a thread that cannot
 * be made has no memory for its stack.
 */
static const char *const image_error_memory[] = {"out of memory",
    "Insufficient memory", "failed to allocate", "Error creating thread"};

static bool
image_error_is_memory(const char *text)
{
	for (size_t i = 0; i < G_N_ELEMENTS(image_error_memory); i++) {
		if (strstr(text, image_error_memory[i]) != NULL)
			return true;
	}
	return false;
}

int
image_error_vips(struct call *call, const char *verb)
{
	const char *text = vips_error_buffer();
	int len = (int)strcspn(text, "\n"); /* the cause; the rest follows */
	int rc;

	if (call_cancelled(call))
		rc = call_stopped(call);
	else if (image_error_is_memory(text))
		rc = call_no_memory(call);
	else
		rc = call_fail(call, CODE_WORKER_ERROR,
		    "cannot %s the image: %.*s", verb, len,
		    len > 0 ? text : "the library does not say why");
	vips_error_clear();
	return rc;
}

int
image_error_pixels(struct call *call, const char *what, int64_t width,
    int64_t height, int64_t limit, const char *where)
{
	call_fail(call, CODE_TOO_LARGE,
	    "the %s has %" PRId64 " x %" PRId64 " pixels, and may have %" PRId64
	    " %s",
	    what, width, height, limit, where);
	fault_add_number(&call->fault, "limit", limit);
	return -1;
}
