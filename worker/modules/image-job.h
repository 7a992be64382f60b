#ifndef MORO_MODULES_IMAGE_JOB_H
#define MORO_MODULES_IMAGE_JOB_H

/* What a task wants of an image, and the steps to it. */

#include <stdbool.h>
#include <stdint.h>

#include <vips/vips.h>

#include "worker/modules/image-fit.h"
#include "worker/modules/image-source.h"

#define IMAGE_JOB_OUTPUT_PIXELS INT64_C(67108864)
#define IMAGE_JOB_OPAQUE 255 /* of alpha */

struct moro_task;

/* Where the cut is taken from, and where the image stands on its canvas. */
struct image_position {
	const char *name;
	int x; /* halves of what is left over: 0, 1 or 2 */
	int y;
	VipsInteresting interesting; /* or by what is in the image */
};

struct image_job {
	struct image_box box;
	const struct image_position *position;
	uint8_t background[4]; /* red, green, blue, alpha */
	enum image_format format; /* of the result */
	int quality; /* 1 to 100 */
	int compression; /* of PNG */
	bool lossless; /* WebP */
	bool orient; /* as EXIF says */
	bool keep_metadata;
};

/*
 * Makes an image of the source that is as the job wants it, which may be
 * decoded only when it is written. NULL with the task's error set.
 */
VipsImage *image_scale(struct moro_task *task, const struct image_source *s,
    const struct image_job *job);

/* Encodes it as the task's result. Returns 0, or -1 with the error set. */
int image_write(struct moro_task *task, VipsImage *image,
    const struct image_job *job);

/*
 * From now on, whoever waits hears how far this image is computed, if `report`,
 * and a cancel stops it.
 */
void image_watch(struct moro_task *task, VipsImage *image, bool report);

#endif
