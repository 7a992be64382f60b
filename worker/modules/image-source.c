#include "worker/modules/image-source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <moro_module.h>

#include "worker/modules/image-error.h"
#include "worker/modules/image-png.h"

#define WEBP_PIXEL 4 /* bytes: it is decoded with alpha */
#define IMAGE_SOURCE_SHOWN 12 /* bytes of what is no image */
#define JPEG_COEFFICIENT 2 /* bytes of each, until the last scan was read */

const char *const image_source_formats[] = {"jpeg", "png", "webp", NULL};

/* What they are called where they are decoded as a whole. */
static const char *const image_source_whole[IMAGE_FORMATS] = {
    [IMAGE_JPEG] = "a progressive JPEG",
    [IMAGE_PNG] = "an interlaced PNG",
    [IMAGE_WEBP] = "a WebP",
};

typedef int (*image_load_cb)(void *bytes, size_t len, VipsImage **out, ...);

/*
 * How the formats begin. This is looked at before the library sees a byte: its
 * own guess would try every loader there is.
 */
static const struct {
	const char *magic;
	size_t len;
	const char *then; /* and behind four bytes more; or NULL */
	image_load_cb load;
} image_source_kinds[IMAGE_FORMATS] = {
    [IMAGE_JPEG] = {"\xff\xd8\xff", 3, NULL, vips_jpegload_buffer},
    [IMAGE_PNG] = {"\x89PNG\r\n\x1a\n", 8, NULL, vips_pngload_buffer},
    [IMAGE_WEBP] = {"RIFF", 4, "WEBP", vips_webpload_buffer},
};

#define RIFF_SIZE 4 /* bytes between RIFF and WEBP */

/* Whether bytes begin as a format does. */
static bool
image_source_is(const struct image_source *s, size_t kind)
{
	const char *then = image_source_kinds[kind].then;
	size_t len = image_source_kinds[kind].len;

	if (s->len < len ||
	    memcmp(s->bytes, image_source_kinds[kind].magic, len) != 0)
		return false;
	if (then == NULL)
		return true;
	len += RIFF_SIZE;
	return s->len >= len + strlen(then) &&
	       memcmp(s->bytes + len, then, strlen(then)) == 0;
}

/* Shows how bytes begin: many formats have their name there. */
static void
image_source_begin(const struct image_source *s, char *text, size_t size)
{
	size_t len = s->len < size - 1 ? s->len : size - 1;

	for (size_t i = 0; i < len; i++)
		text[i] =
		    g_ascii_isprint(s->bytes[i]) ? (char)s->bytes[i] : '?';
	text[len] = '\0';
}

/* Finds the format. */
static int
image_source_sniff(struct image_source *s, struct moro_task *task)
{
	char begin[IMAGE_SOURCE_SHOWN + 1];

	for (size_t i = 0; i < IMAGE_FORMATS; i++) {
		if (image_source_is(s, i)) {
			s->format = (enum image_format)i;
			return 0;
		}
	}
	image_source_begin(s, begin, sizeof begin);
	return moro_fail(task, MORO_FAIL_WORKER_ERROR,
	    "image is no JPEG, PNG or WebP image, but %zu bytes that begin "
	    "with \"%s\"",
	    s->len, begin);
}

/* Has the library see nothing that it would unpack without an end. */
static int
image_source_sift(struct image_source *s, struct moro_task *task)
{
	s->came = s->len;
	if (s->format != IMAGE_PNG)
		return 0;
	if (image_png_sift(s->bytes, s->len, &s->sifted, &s->len) < 0)
		return moro_fail_memory(task);
	if (s->sifted != NULL)
		s->bytes = s->sifted;
	return 0;
}

int
image_source_open(struct image_source *s, struct moro_task *task,
    unsigned int field)
{
	memset(s, 0, sizeof *s);
	image_error_forget();
	s->bytes = moro_task_bytes(task, field, &s->len);
	if (image_source_sniff(s, task) < 0 || image_source_sift(s, task) < 0)
		return -1;
	if (image_source_kinds[s->format].load((void *)(uintptr_t)s->bytes,
		s->len, &s->header, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
		VIPS_FAIL_ON_ERROR, NULL) != 0)
		return image_error_vips(task, "image cannot be read as %s",
		    image_source_formats[s->format]);
	s->width = vips_image_get_width(s->header);
	s->height = vips_image_get_height(s->header);
	s->orientation = vips_image_get_orientation(s->header);
	return 0;
}

void
image_source_clear(struct image_source *s)
{
	g_clear_object(&s->header);
	free(s->sifted);
	s->sifted = NULL;
}

bool
image_source_is_whole(const struct image_source *s)
{
	return s->format == IMAGE_WEBP ||
	       vips_image_get_typeof(s->header, "interlaced") != 0;
}

/* Bytes that a pixel takes while the whole is decoded. */
static int64_t
image_source_pixel(const struct image_source *s)
{
	int64_t bands = vips_image_get_bands(s->header);

	if (s->format == IMAGE_WEBP)
		return WEBP_PIXEL;
	if (s->format == IMAGE_JPEG)
		return bands * JPEG_COEFFICIENT;
	return bands *
	       (int64_t)vips_format_sizeof(vips_image_get_format(s->header));
}

/* Refuses what takes too much memory where all of it is decoded at once. */
static int
image_source_check_whole(const struct image_source *s, struct moro_task *task)
{
	int64_t bytes = (int64_t)s->width * s->height * image_source_pixel(s);

	if (!image_source_is_whole(s) || bytes <= IMAGE_SOURCE_WHOLE_MAX)
		return 0;
	moro_fail(task, MORO_FAIL_TOO_LARGE,
	    "the image is %s of %d x %d pixels, and decoding it as a whole "
	    "takes %" PRId64 " bytes, which is more than %" PRId64,
	    image_source_whole[s->format], s->width, s->height, bytes,
	    IMAGE_SOURCE_WHOLE_MAX);
	moro_fail_add_int(task, "limit", IMAGE_SOURCE_WHOLE_MAX);
	return -1;
}

int
image_source_check(const struct image_source *s, struct moro_task *task,
    int64_t max_pixels)
{
	if ((int64_t)s->width * s->height > max_pixels)
		return image_error_pixels(task, "image", s->width, s->height,
		    max_pixels, "in all (maxPixels)");
	if (s->width > IMAGE_SOURCE_SIDE_MAX ||
	    s->height > IMAGE_SOURCE_SIDE_MAX)
		return image_error_pixels(task, "image", s->width, s->height,
		    IMAGE_SOURCE_SIDE_MAX, "on a side");
	return image_source_check_whole(s, task);
}
