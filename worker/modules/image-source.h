#ifndef MORO_MODULES_IMAGE_SOURCE_H
#define MORO_MODULES_IMAGE_SOURCE_H

/*
 * An image that came with a task: which format its first bytes are, and what
 * its header claims, before anything is decoded.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vips/vips.h>

struct moro_task;

/* Pixels that an image may have, if the caller says nothing, and at most. */
#define IMAGE_SOURCE_PIXELS 100000000
#define IMAGE_SOURCE_PIXELS_MAX INT64_C(268435456)
/*
 * Pixels of a side: more are not in JPEG, either. Where an image is decoded row
 * by row, some hundred rows are in memory at once, as they are stored and on
 * their way through the scaling: up to 8 KiB for each pixel of the width.
 */
#define IMAGE_SOURCE_SIDE_MAX INT64_C(65535)
/* Memory of those that can only be decoded as a whole. */
#define IMAGE_SOURCE_WHOLE_MAX (INT64_C(512) << 20)

enum image_format { IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP, IMAGE_FORMATS };

/* The formats' names on the wire, NULL-ended. */
extern const char *const image_source_formats[];

struct image_source {
	const uint8_t *bytes; /* that the library gets; borrowed, or sifted */
	size_t len;
	size_t came; /* bytes with the task */
	uint8_t *sifted; /* owned; NULL: nothing had to be left out */
	enum image_format format;
	VipsImage *header; /* owned; its pixels are not read */
	int width; /* as stored */
	int height;
	int orientation; /* EXIF: 1 to 8; 5 and more lie on their side */
};

/*
 * Opens the image that a bound field holds. Only the three formats reach the
 * library. Returns 0, or -1 with the task's error set. Clear it in any case.
 */
int image_source_open(struct image_source *s, struct moro_task *task,
    unsigned int field);
void image_source_clear(struct image_source *s);

/* Whether the file is built so that it is decoded as a whole. */
bool image_source_is_whole(const struct image_source *s);

/*
 * Refuses what would take too much to decode. Returns 0, or -1 with the error
 * set.
 */
int image_source_check(const struct image_source *s, struct moro_task *task,
    int64_t max_pixels);

/* Whether it lies on its side: shown, width and height change places. */
static inline bool
image_source_is_turned(const struct image_source *s)
{
	return s->orientation >= 5;
}

#endif
