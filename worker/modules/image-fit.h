#ifndef MORO_MODULES_IMAGE_FIT_H
#define MORO_MODULES_IMAGE_FIT_H

/*
 * How an image comes into a box: arithmetic alone. The names are those of npm's
 * sharp, and mean the same.
 */

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_FIT_SIDE_MAX 16383 /* pixels: more is not in WebP */

enum image_fit {
	IMAGE_COVER, /* fills the box; what stands over is cut off */
	IMAGE_CONTAIN, /* is inside; the rest of the box is background */
	IMAGE_FILL, /* is stretched */
	IMAGE_INSIDE, /* as large as it can be without leaving the box */
	IMAGE_OUTSIDE, /* as small as it can be and still cover the box */
};

/* The fits' names, NULL-ended. */
extern const char *const image_fit_names[];

struct image_box {
	int width; /* 0: follows from the height; one of them is given */
	int height;
	enum image_fit fit;
	bool without_enlargement;
};

struct image_size {
	int64_t width;
	int64_t height;
};

struct image_plan {
	struct image_size scaled; /* the whole image, scaled */
	struct image_size cut; /* what is kept of it: not larger */
	struct image_size canvas; /* what that stands on: not smaller */
};

/* Plans an image of a size, as it is shown, into a box. */
struct image_plan image_fit_plan(int width, int height,
    const struct image_box *box);

#endif
