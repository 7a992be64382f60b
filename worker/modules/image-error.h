#ifndef MORO_MODULES_IMAGE_ERROR_H
#define MORO_MODULES_IMAGE_ERROR_H

/* What the library could not do, as a task's error. */

#include <stdint.h>

struct call;

/*
 * Says that the image could not be read or written ("read", "write"), and why.
 * The library's own list of errors is empty afterwards. Returns -1.
 */
int image_error_vips(struct call *call, const char *verb);

/*
 * TOO_LARGE: `what` has so many pixels, and may have `limit` of them `where`
 * ("in all", "on a side"). Returns -1.
 */
int image_error_pixels(struct call *call, const char *what, int64_t width,
    int64_t height, int64_t limit, const char *where);

#endif
