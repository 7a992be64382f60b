#include <string.h>

#include <moro_module.h>

#include "worker/modules/image-error.h"
#include "worker/modules/image-job.h"

typedef int (*image_save_cb)(VipsImage *image, const struct image_job *job,
    void **bytes, size_t *len);

static int
image_save_jpeg(VipsImage *image, const struct image_job *job, void **bytes,
    size_t *len)
{
	return vips_jpegsave_buffer(image, bytes, len, "Q", job->quality,
	    "strip", !job->keep_metadata, NULL);
}

static int
image_save_png(VipsImage *image, const struct image_job *job, void **bytes,
    size_t *len)
{
	return vips_pngsave_buffer(image, bytes, len, "compression",
	    job->compression, "strip", !job->keep_metadata, NULL);
}

static int
image_save_webp(VipsImage *image, const struct image_job *job, void **bytes,
    size_t *len)
{
	return vips_webpsave_buffer(image, bytes, len, "Q", job->quality,
	    "lossless", job->lossless, "strip", !job->keep_metadata, NULL);
}

static const image_save_cb image_savers[IMAGE_FORMATS] = {
    [IMAGE_JPEG] = image_save_jpeg,
    [IMAGE_PNG] = image_save_png,
    [IMAGE_WEBP] = image_save_webp,
};

/*
 * Takes all metadata off. The savers' own "strip" is not enough: that for WebP
 * writes EXIF nevertheless (libvips 8.14).
 */
static void
image_strip(VipsImage *image)
{
	gchar **names = vips_image_get_fields(image);

	/* how it is computed is no metadata */
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], VIPS_META_SEQUENTIAL) != 0)
			vips_image_remove(image, names[i]);
	}
	g_strfreev(names);
}

/* Gives the image as it is to be written, to be unreffed; or NULL. */
static VipsImage *
image_dress(VipsImage *image, const struct image_job *job)
{
	VipsImage *own = NULL; /* metadata of others must stay as it is */

	if (vips_copy(image, &own, NULL) != 0)
		return NULL;
	if (!job->keep_metadata)
		image_strip(own);
	return own;
}

int
image_write(struct moro_task *task, VipsImage *image,
    const struct image_job *job)
{
	VipsImage *own = image_dress(image, job);
	void *bytes = NULL;
	size_t len = 0;
	int rc = own != NULL ? image_savers[job->format](own, job, &bytes, &len)
			     : -1;

	g_clear_object(&own);
	/* most of the work is done only now, and may fail for the input */
	if (rc != 0)
		return image_error_vips(task,
		    "image cannot be decoded, or not be written as %s of "
		    "%d x %d pixels",
		    image_source_formats[job->format],
		    vips_image_get_width(image), vips_image_get_height(image));
	moro_put_bytes(task, bytes, len);
	g_free(bytes);
	return 0;
}
