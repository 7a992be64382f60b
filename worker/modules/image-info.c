#include <moro_module.h>

#include "worker/modules/image-memory.h"
#include "worker/modules/image-source.h"
#include "worker/modules/image-types.h"

#define BITS 8 /* in a byte */

enum image_info_field { INFO_IMAGE };

static const struct moro_field image_info_fields[] = {
    [INFO_IMAGE] = {.name = "image",
	.kinds = MORO_KIND_TEXT,
	.flags = MORO_REQUIRED,
	.about = "A JPEG, PNG or WebP image."},
    {.name = NULL},
};

/* Names of what libvips calls interpretations are its own. */
static const char *
image_info_space(const VipsImage *image)
{
	return vips_enum_nick(VIPS_TYPE_INTERPRETATION,
	    vips_image_get_interpretation(image));
}

static void
image_info_pack_bool(struct moro_task *task, const char *key, bool value)
{
	moro_put_text(task, key);
	moro_put_bool(task, value);
}

static void
image_info_pack_str(struct moro_task *task, const char *key, const char *text)
{
	moro_put_text(task, key);
	moro_put_text(task, text);
}

/* Packs what the header says. */
static void
image_info_pack(struct moro_task *task, const struct image_source *s)
{
	VipsImage *h = s->header;
	bool turned = image_source_is_turned(s);
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
	    {"bytes", (int64_t)s->came},
	    {"width", (int64_t)s->width},
	    {"height", (int64_t)s->height},
	    {"orientation", (int64_t)s->orientation},
	    {"orientedWidth", (int64_t)(turned ? s->height : s->width)},
	    {"orientedHeight", (int64_t)(turned ? s->width : s->height)},
	    {"channels", (int64_t)vips_image_get_bands(h)},
	    {"depth",
		BITS * (int64_t)vips_format_sizeof(vips_image_get_format(h))},
	    {"pages", (int64_t)vips_image_get_n_pages(h)},
	};
	const size_t n = sizeof numbers / sizeof numbers[0];

	moro_put_map(task, n + 5);
	image_info_pack_str(task, "format", image_source_formats[s->format]);
	for (size_t i = 0; i < n; i++) {
		moro_put_text(task, numbers[i].key);
		moro_put_int(task, numbers[i].value);
	}
	image_info_pack_str(task, "space", image_info_space(h));
	image_info_pack_bool(task, "hasAlpha", vips_image_hasalpha(h));
	image_info_pack_bool(task, "hasProfile",
	    vips_image_get_typeof(h, VIPS_META_ICC_NAME) != 0);
	image_info_pack_bool(task, "progressive",
	    vips_image_get_typeof(h, "interlaced") != 0);
}

/* Reads the header alone: no limit of pixels is needed. */
static int
image_info_work(struct moro_task *task)
{
	struct image_source s;
	int rc = image_source_open(&s, task, INFO_IMAGE);

	if (rc == 0)
		image_info_pack(task, &s);
	image_source_clear(&s);
	return rc;
}

static int
image_info_run(struct moro_task *task)
{
	return image_memory_bound(task, image_info_work);
}

const struct moro_type image_info_type = {
    .name = "image:info",
    .about = "Tells what the header of an image says.",
    .result = "A map: format, bytes, width and height as stored, orientation, "
	      "orientedWidth and orientedHeight as shown, channels, depth, "
	      "pages, space, hasAlpha, hasProfile, progressive.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}}",
    .flags = MORO_IDEMPOTENT,
    .timeout_ms = 10000,
    .fields = image_info_fields,
    .run = image_info_run,
};
