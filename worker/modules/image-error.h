#ifndef MORO_MODULES_IMAGE_ERROR_H
#define MORO_MODULES_IMAGE_ERROR_H

/* What the library could not do, as a task's error. */

#include <stdint.h>

struct moro_task;

/*
 * Remembers what a library has to say, which may be why it fails: libpng tells
 * its reasons to the log alone. From any thread.
 */
void image_error_note(const char *text);

/* Forgets what was said, here and by the library: another task begins. */
void image_error_forget(void);

/*
 * Says what could not be done ("image cannot be read as png"), and why. All that
 * the library said is forgotten afterwards. Returns -1.
 */
int image_error_vips(struct moro_task *task, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * TOO_LARGE: `what` has so many pixels, and may have `limit` of them `where`
 * ("in all", "on a side"). Returns -1.
 */
int image_error_pixels(struct moro_task *task, const char *what, int64_t width,
    int64_t height, int64_t limit, const char *where);

#endif
