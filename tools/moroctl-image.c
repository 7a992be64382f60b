/* moroctl image resize, thumbnail and info. */

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "tools/complain.h"
#include "tools/moroctl-tasks.h"

#define IMAGE_SIZE 150 /* of a thumbnail, if --size does not say */

#define IMAGE_FIELDS                                                        \
	{CTL_FIT, FORM_TEXT, "fit"}, {CTL_POSITION, FORM_TEXT, "position"}, \
	    {CTL_BACKGROUND, FORM_TEXT, "background"},                      \
	    {CTL_FORMAT, FORM_TEXT, "format"},                              \
	    {CTL_QUALITY, FORM_NUMBER, "quality"},                          \
	    {CTL_LOSSLESS, FORM_TRUE, "lossless"},                          \
	    {CTL_KEEP_METADATA, FORM_TRUE, "keepMetadata"},                 \
	    {CTL_NO_ENLARGEMENT, FORM_TRUE, "withoutEnlargement"},          \
	    {CTL_NO_ORIENT, FORM_FALSE, "orient"},                          \
	{                                                                   \
		CTL_MAX_PIXELS, FORM_NUMBER, "maxPixels"                    \
	}

static const struct ctl_field image_resize_fields[] = {
    {CTL_WIDTH, FORM_NUMBER, "width"},
    {CTL_HEIGHT, FORM_NUMBER, "height"},
    IMAGE_FIELDS,
    {.name = NULL},
};

static const struct ctl_field image_thumbnail_fields[] = {
    {CTL_SIZE, FORM_NUMBER, "size"},
    IMAGE_FIELDS,
    {.name = NULL},
};

/* The ending of a file's name, with its dot; or NULL. */
static const char *
image_ending(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strrchr(slash != NULL ? slash : path, '.');
}

/*
 * Adds the format that the name of the output tells, if no other is given. A
 * name that tells another one is refused: the file would not be what it says.
 */
static int
image_add_format(const struct ctl *c, struct moro_map *map)
{
	static const struct {
		const char *ending, *format;
	} formats[] = {
	    {".jpg", "jpeg"},
	    {".jpeg", "jpeg"},
	    {".png", "png"},
	    {".webp", "webp"},
	};
	const char *path = c->values[CTL_OUTPUT];
	const char *ending = path != NULL ? image_ending(path) : NULL;

	if (ending == NULL || ctl_has(c, CTL_FORMAT))
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		if (strcasecmp(ending, formats[i].ending) == 0) {
			moro_map_text(map, "format", formats[i].format);
			return EXIT_DONE;
		}
	}
	return complain_usage("--output %s: no image format ends with %s, but "
			      ".jpg, .jpeg, .png and .webp do; --format NAME "
			      "says another way which one is meant",
	    path, ending);
}

static int
image_add_size(const struct ctl *c, struct moro_map *map)
{
	if (!ctl_has(c, CTL_SIZE))
		moro_map_number(map, "size", IMAGE_SIZE);
	return image_add_format(c, map);
}

const struct ctl_task image_resize = {
    .type = "image:resize",
    .input = INPUT_PATH,
    .field = "image",
    .fields = image_resize_fields,
    .more = image_add_format,
    .result = RESULT_BYTES,
};

const struct ctl_task image_thumbnail = {
    .type = "image:thumbnail",
    .input = INPUT_PATH,
    .field = "image",
    .fields = image_thumbnail_fields,
    .more = image_add_size,
    .result = RESULT_BYTES,
};

const struct ctl_task image_info = {
    .type = "image:info",
    .input = INPUT_PATH,
    .field = "image",
    .result = RESULT_JSON,
};
