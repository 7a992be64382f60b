#include "worker/call.h"
#include "worker/modules/image-memory.h"
#include "worker/modules/image-source.h"
#include "worker/modules/image-types.h"

#define BITS 8 /* in a byte */

enum image_info_field { INFO_IMAGE };

static const struct field image_info_fields[] = {
    [INFO_IMAGE] = {.name = "image",
	.kinds = FIELD_TEXT,
	.required = true,
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
image_info_pack_bool(struct call *call, const char *key, bool value)
{
	call_pack_str(call, key);
	if (value)
		msgpack_pack_true(&call->pk);
	else
		msgpack_pack_false(&call->pk);
}

static void
image_info_pack_str(struct call *call, const char *key, const char *text)
{
	call_pack_str(call, key);
	call_pack_str(call, text);
}

/* Packs what the header says. */
static void
image_info_pack(struct call *call, const struct image_source *s)
{
	VipsImage *h = s->header;
	bool turned = image_source_is_turned(s);
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
	    {"bytes", s->came},
	    {"width", (uint64_t)s->width},
	    {"height", (uint64_t)s->height},
	    {"orientation", (uint64_t)s->orientation},
	    {"orientedWidth", (uint64_t)(turned ? s->height : s->width)},
	    {"orientedHeight", (uint64_t)(turned ? s->width : s->height)},
	    {"channels", (uint64_t)vips_image_get_bands(h)},
	    {"depth",
		BITS * (uint64_t)vips_format_sizeof(vips_image_get_format(h))},
	    {"pages", (uint64_t)vips_image_get_n_pages(h)},
	};
	const size_t n = sizeof numbers / sizeof numbers[0];

	msgpack_pack_map(&call->pk, n + 5);
	image_info_pack_str(call, "format", image_source_formats[s->format]);
	for (size_t i = 0; i < n; i++) {
		call_pack_str(call, numbers[i].key);
		msgpack_pack_uint64(&call->pk, numbers[i].value);
	}
	image_info_pack_str(call, "space", image_info_space(h));
	image_info_pack_bool(call, "hasAlpha", vips_image_hasalpha(h));
	image_info_pack_bool(call, "hasProfile",
	    vips_image_get_typeof(h, VIPS_META_ICC_NAME) != 0);
	image_info_pack_bool(call, "progressive",
	    vips_image_get_typeof(h, "interlaced") != 0);
}

/* Reads the header alone: no limit of pixels is needed. */
static int
image_info_work(struct call *call)
{
	struct image_source s;
	int rc = image_source_open(&s, call, call->args[INFO_IMAGE]);

	if (rc == 0)
		image_info_pack(call, &s);
	image_source_clear(&s);
	return rc;
}

static int
image_info_run(struct call *call)
{
	return image_memory_bound(call, image_info_work);
}

const struct task_type image_info_type = {
    .name = "image:info",
    .about = "Tells what the header of an image says.",
    .result = "A map: format, bytes, width and height as stored, orientation, "
	      "orientedWidth and orientedHeight as shown, channels, depth, "
	      "pages, space, hasAlpha, hasProfile, progressive.",
    .example = "{\"image\": {\"$bin\": \"" IMAGE_EXAMPLE "\"}}",
    .flags = TYPE_IDEMPOTENT,
    .timeout_ms = 10000,
    .fields = image_info_fields,
    .run = image_info_run,
};
