#include <stdio.h>
#include <string.h>

#include "worker/call.h"
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

#define IMAGE_FIELD                                                     \
	{                                                               \
		.name = "image", .kinds = FIELD_TEXT, .required = true, \
		.about = "A JPEG, PNG or WebP image."                   \
	}

#define IMAGE_OPTIONS                                                        \
	{.name = "fit",                                                      \
	    .kinds = FIELD_STR,                                              \
	    .allowed = image_fit_names,                                      \
	    .noun = "fit",                                                   \
	    .fallback = "cover",                                             \
	    .about = "How it comes into the box, as in npm's sharp."},       \
	    {.name = "position",                                             \
		.kinds = FIELD_STR,                                          \
		.allowed = image_position_names,                             \
		.noun = "position",                                          \
		.fallback = "centre",                                        \
		.about = "What cover keeps, or where contain puts it."},     \
	    {.name = "background",                                           \
		.kinds = FIELD_STR,                                          \
		.fallback = "#ffffff",                                       \
		.about = "#rrggbb or #rrggbbaa: of contain, and below what " \
			 "is transparent when JPEG is written."},            \
	    {.name = "withoutEnlargement",                                   \
		.kinds = FIELD_BOOL,                                         \
		.fallback = "false",                                         \
		.about = "Never scales up."},                                \
	    {.name = "format",                                               \
		.kinds = FIELD_STR,                                          \
		.allowed = image_source_formats,                             \
		.noun = "image format",                                      \
		.fallback = "the image's own",                               \
		.about = "The format to write."},                            \
	    {.name = "quality",                                              \
		.kinds = FIELD_INT,                                          \
		.min = 1,                                                    \
		.max = QUALITY_MAX,                                          \
		.fallback = "80",                                            \
		.about = "Of JPEG and of WebP that is not lossless."},       \
	    {.name = "lossless",                                             \
		.kinds = FIELD_BOOL,                                         \
		.fallback = "false",                                         \
		.about = "Of WebP."},                                        \
	    {.name = "compression",                                          \
		.kinds = FIELD_INT,                                          \
		.min = 0,                                                    \
		.max = PNG_COMPRESSION_MAX,                                  \
		.fallback = TEXT(PNG_COMPRESSION),                           \
		.about = "Of PNG; higher is smaller and slower."},           \
	    {.name = "orient",                                               \
		.kinds = FIELD_BOOL,                                         \
		.fallback = "true",                                          \
		.about = "Turns it as EXIF says; then width is as shown."},  \
	    {.name = "keepMetadata",                                         \
		.kinds = FIELD_BOOL,                                         \
		.fallback = "false",                                         \
		.about = "Keeps EXIF, XMP and the like."},                   \
	    {.name = "maxPixels",                                            \
		.kinds = FIELD_INT,                                          \
		.min = 1,                                                    \
		.max = IMAGE_SOURCE_PIXELS_MAX,                              \
		.fallback = "100000000",                                     \
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

static const struct field image_resize_fields[] = {IMAGE_FIELD,
    {.name = "width",
	.kinds = FIELD_INT,
	.min = 1,
	.max = IMAGE_FIT_SIDE_MAX,
	.fallback = "follows from the height",
	.about = "Pixels of the box."},
    {.name = "height",
	.kinds = FIELD_INT,
	.min = 1,
	.max = IMAGE_FIT_SIDE_MAX,
	.fallback = "follows from the width",
	.about = "Pixels of the box."},
    IMAGE_OPTIONS};

enum image_thumbnail_field {
	THUMBNAIL_IMAGE,
	THUMBNAIL_SIZE,
	THUMBNAIL_OPTIONS
};

static const struct field image_thumbnail_fields[] = {IMAGE_FIELD,
    {.name = "size",
	.kinds = FIELD_INT,
	.min = 1,
	.max = IMAGE_THUMBNAIL_MAX,
	.required = true,
	.about = "Pixels of each side of the square box."},
    IMAGE_OPTIONS};

/* The place of one of the strings that its field allows. */
static size_t
image_choice(const msgpack_object *arg, const char *const *names)
{
	size_t i = 0;

	while (arg != NULL && names[i] != NULL) {
		if (call_is(arg, names[i]))
			return i;
		i++;
	}
	return 0; /* the default */
}

/* Reads #rrggbb or #rrggbbaa; false when it is neither. */
static bool
image_parse_colour(const msgpack_object *arg, uint8_t colour[4])
{
	char text[COLOUR_LONG + 1];
	size_t len;

	call_bytes(arg, &len);
	call_text(arg, text, sizeof text);
	if ((len != COLOUR_SHORT && len != COLOUR_LONG) || text[0] != '#' ||
	    strspn(text + 1, HEX) != len - 1)
		return false;
	colour[3] = IMAGE_JOB_OPAQUE;
	return sscanf(text + 1, "%2hhx%2hhx%2hhx%2hhx", &colour[0], &colour[1],
		   &colour[2], &colour[3]) >= 3;
}

/* Takes the background, which JPEG cannot have transparent. */
static int
image_take_background(struct call *call, const msgpack_object *arg,
    struct image_job *job)
{
	char text[COLOUR_SHOWN + 1];

	memset(job->background, IMAGE_JOB_OPAQUE, sizeof job->background);
	if (arg == NULL)
		return 0;
	call_text(arg, text, sizeof text); /* a colour is no secret */
	if (!image_parse_colour(arg, job->background))
		return call_invalid(call, "background",
		    "background takes a colour as #rrggbb or #rrggbbaa, not "
		    "\"%s\"",
		    text);
	if (job->format == IMAGE_JPEG && job->background[3] != IMAGE_JOB_OPAQUE)
		return call_invalid(call, "background",
		    "background takes an opaque colour, #rrggbb or #rrggbbff, "
		    "where JPEG is written, not \"%s\"",
		    text);
	return 0;
}

/* Makes a job of the options. */
static int
image_take_options(struct call *call, const msgpack_object *const *args,
    const struct image_source *s, struct image_job *job)
{
	const msgpack_object *format = args[OPTION_FORMAT];

	job->box.fit =
	    (enum image_fit)image_choice(args[OPTION_FIT], image_fit_names);
	job->box.without_enlargement =
	    call_bool(args[OPTION_ENLARGEMENT], false);
	job->position = &image_positions[image_choice(args[OPTION_POSITION],
	    image_position_names)];
	job->format = format == NULL ? s->format
				     : (enum image_format)image_choice(format,
					   image_source_formats);
	job->quality = (int)call_int(args[OPTION_QUALITY], 0);
	job->lossless = call_bool(args[OPTION_LOSSLESS], false);
	job->compression =
	    (int)call_int(args[OPTION_COMPRESSION], PNG_COMPRESSION);
	job->orient = call_bool(args[OPTION_ORIENT], true);
	job->keep_metadata = call_bool(args[OPTION_METADATA], false);
	return image_take_background(call, args[OPTION_BACKGROUND], job);
}

/* Does the job on the source, which is open. */
static int
image_convert(struct call *call, const struct image_source *s,
    const struct image_job *job)
{
	VipsImage *image = image_scale(call, s, job);
	int rc;

	if (image == NULL)
		return -1;
	rc = image_write(call, image, job);
	g_object_unref(image);
	return rc;
}

/* Does all that comes after the box is known. */
static int
image_run(struct call *call, const msgpack_object *const *options,
    struct image_job *job)
{
	struct image_source s;
	int rc = image_source_open(&s, call, call->args[RESIZE_IMAGE]);

	if (rc == 0)
		rc = image_source_check(&s, call,
		    call_int(options[OPTION_PIXELS], IMAGE_SOURCE_PIXELS));
	if (rc == 0)
		rc = image_take_options(call, options, &s, job);
	if (rc == 0)
		rc = image_convert(call, &s, job);
	image_source_clear(&s);
	return rc;
}

static int
image_resize_work(struct call *call)
{
	struct image_job job = {0};

	job.box.width = (int)call_int(call->args[RESIZE_WIDTH], 0);
	job.box.height = (int)call_int(call->args[RESIZE_HEIGHT], 0);
	if (job.box.width == 0 && job.box.height == 0)
		return call_invalid(call, "width",
		    "width and height are missing; one of them is needed");
	return image_run(call, call->args + RESIZE_OPTIONS, &job);
}

static int
image_thumbnail_work(struct call *call)
{
	struct image_job job = {0};

	job.box.width = (int)call_int(call->args[THUMBNAIL_SIZE], 0);
	job.box.height = job.box.width;
	return image_run(call, call->args + THUMBNAIL_OPTIONS, &job);
}

static int
image_resize_run(struct call *call)
{
	return image_memory_bound(call, image_resize_work);
}

static int
image_thumbnail_run(struct call *call)
{
	return image_memory_bound(call, image_thumbnail_work);
}

const struct task_type image_resize_type = {
    .name = "image:resize",
    .alias = "image:process",
    .about = "Scales an image into a box, turns it upright, and converts it.",
    .result = "The image, as bytes.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}, \"width\": 800, "
	       "\"height\": 600, \"fit\": \"inside\", \"format\": \"webp\"}",
    .flags = TYPE_IDEMPOTENT | TYPE_SOFT_CANCEL,
    .timeout_ms = 30000,
    .fields = image_resize_fields,
    .run = image_resize_run,
};

const struct task_type image_thumbnail_type = {
    .name = "image:thumbnail",
    .about = "Scales an image into a square.",
    .result = "The image, as bytes.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}, \"size\": 150}",
    .flags = TYPE_IDEMPOTENT | TYPE_SOFT_CANCEL,
    .timeout_ms = 30000,
    .fields = image_thumbnail_fields,
    .run = image_thumbnail_run,
};
