#include "worker/modules/image-error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <glib/gprintf.h>
#include <vips/vips.h>

#include <moro_module.h>

#define IMAGE_ERROR_NOTES 160 /* bytes: two or three */
#define IMAGE_ERROR_WHERE "error in tile" /* tells not why, and many times */
#define IMAGE_ERROR_WHAT 120
#define IMAGE_ERROR_WHY 260

static GMutex image_error_lock; /* of the notes */
static char image_error_notes[IMAGE_ERROR_NOTES];

/*
 * What libraries say when their allocations fail. A thread that cannot be made
 * has no memory for its stack. libvips does not tell why WebP is not encoded,
 * but all else that could be the reason was looked at before.
 */
static const char *const image_error_memory[] = {"out of memory",
    "Insufficient memory", "failed to allocate", "Error creating thread",
    "webpsave: unable to encode"};

static bool
image_error_is_memory(const char *text)
{
	for (size_t i = 0; i < G_N_ELEMENTS(image_error_memory); i++) {
		if (strstr(text, image_error_memory[i]) != NULL)
			return true;
	}
	return false;
}

void
image_error_note(const char *text)
{
	size_t len;

	if (strncmp(text, IMAGE_ERROR_WHERE, strlen(IMAGE_ERROR_WHERE)) == 0)
		return;
	g_mutex_lock(&image_error_lock);
	len = strlen(image_error_notes);
	/* some are said by each of the attempts to read an image */
	if (strstr(image_error_notes, text) == NULL)
		g_snprintf(image_error_notes + len,
		    sizeof image_error_notes - len, "%s%s", len > 0 ? "; " : "",
		    text);
	g_mutex_unlock(&image_error_lock);
}

void
image_error_forget(void)
{
	vips_error_clear();
	g_mutex_lock(&image_error_lock);
	image_error_notes[0] = '\0';
	g_mutex_unlock(&image_error_lock);
}

/* Writes in one line why the library failed: its error, and its notes. */
static void
image_error_why(char *why, size_t size)
{
	const char *text = vips_error_buffer();
	int len = (int)strcspn(text, "\n"); /* the cause; the rest follows */

	g_mutex_lock(&image_error_lock);
	if (image_error_notes[0] == '\0')
		g_snprintf(why, size, "%.*s", len, text);
	else if (len == 0)
		g_snprintf(why, size, "%s", image_error_notes);
	else
		g_snprintf(why, size, "%.*s (%s)", len, text,
		    image_error_notes);
	g_mutex_unlock(&image_error_lock);
}

int
image_error_vips(struct moro_task *task, const char *format, ...)
{
	char what[IMAGE_ERROR_WHAT], why[IMAGE_ERROR_WHY];
	va_list ap;
	int rc;

	va_start(ap, format);
	g_vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	image_error_why(why, sizeof why);
	if (moro_task_cancelled(task))
		rc = moro_fail_cancelled(task);
	else if (image_error_is_memory(vips_error_buffer()))
		rc = moro_fail_memory(task);
	else
		rc = moro_fail(task, MORO_FAIL_WORKER_ERROR, "%s: %s", what,
		    why[0] != '\0' ? why : "the library does not say why");
	image_error_forget();
	return rc;
}

int
image_error_pixels(struct moro_task *task, const char *what, int64_t width,
    int64_t height, int64_t limit, const char *where)
{
	moro_fail(task, MORO_FAIL_TOO_LARGE,
	    "the %s has %" PRId64 " x %" PRId64 " pixels, and may have %" PRId64
	    " %s",
	    what, width, height, limit, where);
	moro_fail_add_int(task, "limit", limit);
	return -1;
}
