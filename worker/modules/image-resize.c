#include <stdio.h>
#include <string.h>

#include <moro_module.h>

#include "worker/modules/image-fit.h"
#include "worker/modules/image-job.h"
#include "worker/modules/image-memory.h"
#include "worker/modules/image-source.h"
#include "worker/modules/image-types.h"

#define IMAGE_THUMBNAIL_MAX 4096 /* pixels of a side */
#define PNG_COMPRESSION 6
#define PNG_COMPRESSION_MAX 9
#define QUALITY_MAX 100
#define HEX "0123456789abcdefABCDEF"
#define COLOUR_SHORT 7 /* bytes of #rrggbb */
#define COLOUR_LONG 9 /* of #rrggbbaa */
#define COLOUR_SHOWN 40 /* of what is none */
#define TEXT(n) TEXT_OF(n)
#define TEXT_OF(n) #n

/* Where an image goes: the name, halves from the left and the top. */
#define IMAGE_POSITIONS(X)                           \
	X("centre", 1, 1, VIPS_INTERESTING_NONE)     \
	X("center", 1, 1, VIPS_INTERESTING_NONE)     \
	X("top", 1, 0, VIPS_INTERESTING_NONE)        \
	X("bottom", 1, 2, VIPS_INTERESTING_NONE)     \
	X("left", 0, 1, VIPS_INTERESTING_NONE)       \
	X("right", 2, 1, VIPS_INTERESTING_NONE)      \
	X("entropy", 1, 1, VIPS_INTERESTING_ENTROPY) \
	X("attention", 1, 1, VIPS_INTERESTING_ATTENTION)
#define IMAGE_POSITION_NAME(name, x, y, interesting) name,
#define IMAGE_POSITION(name, x, y, interesting) {name, x, y, interesting},

static const char *const image_position_names[] = {
    IMAGE_POSITIONS(IMAGE_POSITION_NAME) NULL};
static const struct image_position image_positions[] = {
    IMAGE_POSITIONS(IMAGE_POSITION)};

/* What both types take, behind their own fields. */
enum image_option {
	OPTION_FIT,
	OPTION_POSITION,
	OPTION_BACKGROUND,
	OPTION_ENLARGEMENT,
	OPTION_FORMAT,
	OPTION_QUALITY,
	OPTION_LOSSLESS,
	OPTION_COMPRESSION,
	OPTION_ORIENT,
	OPTION_METADATA,
	OPTION_PIXELS,
};

#define IMAGE_FIELD                                                           \
	{                                                                     \
		.name = "image", .kinds = MORO_KIND_TEXT,                     \
		.flags = MORO_REQUIRED, .about = "A JPEG, PNG or WebP image." \
	}

#define IMAGE_OPTIONS                                                        \
	{.name = "fit",                                                      \
	    .kinds = MORO_KIND_STR,                                          \
	    .allowed = image_fit_names,                                      \
	    .noun = "fit",                                                   \
	    .fallback = "cover",                                             \
	    .about = "How it comes into the box, as in npm's sharp."},       \
	    {.name = "position",                                             \
		.kinds = MORO_KIND_STR,                                      \
		.allowed = image_position_names,                             \
		.noun = "position",                                          \
		.fallback = "centre",                                        \
		.about = "What cover keeps, or where contain puts it."},     \
	    {.name = "background",                                           \
		.kinds = MORO_KIND_STR,                                      \
		.fallback = "#ffffff",                                       \
		.about = "#rrggbb or #rrggbbaa: of contain, and below what " \
			 "is transparent when JPEG is written."},            \
	    {.name = "withoutEnlargement",                                   \
		.kinds = MORO_KIND_BOOL,                                     \
		.fallback = "false",                                         \
		.about = "Never scales up."},                                \
	    {.name = "format",                                               \
		.kinds = MORO_KIND_STR,                                      \
		.allowed = image_source_formats,                             \
		.noun = "image format",                                      \
		.otherwise = "the image's own",                              \
		.about = "The format to write."},                            \
	    {.name = "quality",                                              \
		.kinds = MORO_KIND_INT,                                      \
		.min = 1,                                                    \
		.max = QUALITY_MAX,                                          \
		.fallback = "80",                                            \
		.about = "Of JPEG and of WebP that is not lossless."},       \
	    {.name = "lossless",                                             \
		.kinds = MORO_KIND_BOOL,                                     \
		.fallback = "false",                                         \
		.about = "Of WebP."},                                        \
	    {.name = "compression",                                          \
		.kinds = MORO_KIND_INT,                                      \
		.min = 0,                                                    \
		.max = PNG_COMPRESSION_MAX,                                  \
		.fallback = TEXT(PNG_COMPRESSION),                           \
		.about = "Of PNG; higher is smaller and slower."},           \
	    {.name = "orient",                                               \
		.kinds = MORO_KIND_BOOL,                                     \
		.fallback = "true",                                          \
		.about = "Turns it as EXIF says; then width is as shown."},  \
	    {.name = "keepMetadata",                                         \
		.kinds = MORO_KIND_BOOL,                                     \
		.fallback = "false",                                         \
		.about = "Keeps EXIF, XMP and the like."},                   \
	    {.name = "maxPixels",                                            \
		.kinds = MORO_KIND_INT,                                      \
		.min = 1,                                                    \
		.max = IMAGE_SOURCE_PIXELS_MAX,                              \
		.fallback = TEXT(IMAGE_SOURCE_PIXELS),                       \
		.about = "More in the image are refused before decoding."},  \
	{                                                                    \
		.name = NULL                                                 \
	}

enum image_resize_field {
	RESIZE_IMAGE,
	RESIZE_WIDTH,
	RESIZE_HEIGHT,
	RESIZE_OPTIONS
};

static const struct moro_field image_resize_fields[] = {IMAGE_FIELD,
    {.name = "width",
	.kinds = MORO_KIND_INT,
	.min = 1,
	.max = IMAGE_FIT_SIDE_MAX,
	.otherwise = "follows from the height",
	.about = "Pixels of the box."},
    {.name = "height",
	.kinds = MORO_KIND_INT,
	.min = 1,
	.max = IMAGE_FIT_SIDE_MAX,
	.otherwise = "follows from the width",
	.about = "Pixels of the box."},
    IMAGE_OPTIONS};

enum image_thumbnail_field {
	THUMBNAIL_IMAGE,
	THUMBNAIL_SIZE,
	THUMBNAIL_OPTIONS
};

static const struct moro_field image_thumbnail_fields[] = {IMAGE_FIELD,
    {.name = "size",
	.kinds = MORO_KIND_INT,
	.min = 1,
	.max = IMAGE_THUMBNAIL_MAX,
	.flags = MORO_REQUIRED,
	.about = "Pixels of each side of the square box."},
    IMAGE_OPTIONS};

/* Reads #rrggbb or #rrggbbaa; false when it is neither. */
static bool
image_parse_colour(const char *text, size_t len, uint8_t colour[4])
{
	if ((len != COLOUR_SHORT && len != COLOUR_LONG) || text[0] != '#' ||
	    strspn(text + 1, HEX) != len - 1)
		return false;
	colour[3] = IMAGE_JOB_OPAQUE;
	return sscanf(text + 1, "%2hhx%2hhx%2hhx%2hhx", &colour[0], &colour[1],
		   &colour[2], &colour[3]) >= 3;
}

/* Takes the background, which JPEG cannot have transparent. */
static int
image_take_background(struct moro_task *task, unsigned int field,
    struct image_job *job)
{
	size_t len;
	const char *bytes = moro_task_bytes(task, field, &len);
	char text[COLOUR_SHOWN + 1]; /* a colour is no secret */

	snprintf(text, sizeof text, "%.*s", (int)MIN(len, COLOUR_SHOWN), bytes);
	if (!image_parse_colour(text, len, job->background))
		return moro_fail_field(task, "background",
		    "background takes a colour as #rrggbb or #rrggbbaa, not "
		    "\"%s\"",
		    text);
	if (job->format == IMAGE_JPEG && job->background[3] != IMAGE_JOB_OPAQUE)
		return moro_fail_field(task, "background",
		    "background takes an opaque colour, #rrggbb or #rrggbbff, "
		    "where JPEG is written, not \"%s\"",
		    text);
	return 0;
}

/* Makes a job of the options, the first of which is the field `at`. */
static int
image_take_options(struct moro_task *task, unsigned int at,
    const struct image_source *s, struct image_job *job)
{
	int format = moro_task_choice(task, at + OPTION_FORMAT);

	job->box.fit = (enum image_fit)moro_task_choice(task, at + OPTION_FIT);
	job->box.without_enlargement =
	    moro_task_bool(task, at + OPTION_ENLARGEMENT);
	job->position =
	    &image_positions[moro_task_choice(task, at + OPTION_POSITION)];
	job->format = format < 0 ? s->format : (enum image_format)format;
	job->quality = (int)moro_task_int(task, at + OPTION_QUALITY);
	job->lossless = moro_task_bool(task, at + OPTION_LOSSLESS);
	job->compression = (int)moro_task_int(task, at + OPTION_COMPRESSION);
	job->orient = moro_task_bool(task, at + OPTION_ORIENT);
	job->keep_metadata = moro_task_bool(task, at + OPTION_METADATA);
	return image_take_background(task, at + OPTION_BACKGROUND, job);
}

/* Does the job on the source, which is open. */
static int
image_convert(struct moro_task *task, const struct image_source *s,
    const struct image_job *job)
{
	VipsImage *image = image_scale(task, s, job);
	int rc;

	if (image == NULL)
		return -1;
	rc = image_write(task, image, job);
	g_object_unref(image);
	return rc;
}

/* Does all that comes after the box is known. */
static int
image_run(struct moro_task *task, unsigned int options, struct image_job *job)
{
	struct image_source s;
	int rc = image_source_open(&s, task, RESIZE_IMAGE);

	if (rc == 0)
		rc = image_source_check(&s, task,
		    moro_task_int(task, options + OPTION_PIXELS));
	if (rc == 0)
		rc = image_take_options(task, options, &s, job);
	if (rc == 0)
		rc = image_convert(task, &s, job);
	image_source_clear(&s);
	return rc;
}

static int
image_resize_work(struct moro_task *task)
{
	struct image_job job = {0};

	job.box.width = (int)moro_task_int(task, RESIZE_WIDTH);
	job.box.height = (int)moro_task_int(task, RESIZE_HEIGHT);
	if (job.box.width == 0 && job.box.height == 0)
		return moro_fail_field(task, "width",
		    "width and height are missing; one of them is needed");
	return image_run(task, RESIZE_OPTIONS, &job);
}

static int
image_thumbnail_work(struct moro_task *task)
{
	struct image_job job = {0};

	job.box.width = (int)moro_task_int(task, THUMBNAIL_SIZE);
	job.box.height = job.box.width;
	return image_run(task, THUMBNAIL_OPTIONS, &job);
}

static int
image_resize_run(struct moro_task *task)
{
	return image_memory_bound(task, image_resize_work);
}

static int
image_thumbnail_run(struct moro_task *task)
{
	return image_memory_bound(task, image_thumbnail_work);
}

const struct moro_type image_resize_type = {
    .name = "image:resize",
    .alias = "image:process",
    .about = "Scales an image into a box, turns it upright, and converts it.",
    .result = "The image, as bytes.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}, \"width\": 800, "
	       "\"height\": 600, \"fit\": \"inside\", \"format\": \"webp\"}",
    .flags = MORO_IDEMPOTENT | MORO_SOFT_CANCEL | MORO_PROGRESS,
    .timeout_ms = 30000,
    .fields = image_resize_fields,
    .run = image_resize_run,
};

const struct moro_type image_thumbnail_type = {
    .name = "image:thumbnail",
    .about = "Scales an image into a square.",
    .result = "The image, as bytes.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}, \"size\": 150}",
    .flags = MORO_IDEMPOTENT | MORO_SOFT_CANCEL | MORO_PROGRESS,
    .timeout_ms = 30000,
    .fields = image_thumbnail_fields,
    .run = image_thumbnail_run,
};
