#include "worker/call.h"
#include "worker/modules/image-error.h"
#include "worker/modules/image-job.h"

#define JPEG_QUALITY 80
#define WEBP_QUALITY 80

typedef int (*image_save_cb)(VipsImage *image, const struct image_job *job,
    void **bytes, size_t *len);

static int
image_save_jpeg(VipsImage *image, const struct image_job *job, void **bytes,
    size_t *len)
{
	return vips_jpegsave_buffer(image, bytes, len, "Q",
	    job->quality > 0 ? job->quality : JPEG_QUALITY, "strip",
	    !job->keep_metadata, NULL);
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
	return vips_webpsave_buffer(image, bytes, len, "Q",
	    job->quality > 0 ? job->quality : WEBP_QUALITY, "lossless",
	    job->lossless, "strip", !job->keep_metadata, NULL);
}

static const image_save_cb image_savers[IMAGE_FORMATS] = {
    [IMAGE_JPEG] = image_save_jpeg,
    [IMAGE_PNG] = image_save_png,
    [IMAGE_WEBP] = image_save_webp,
};

int
image_write(struct call *call, VipsImage *image, const struct image_job *job)
{
	void *bytes = NULL;
	size_t len = 0;

	/* most of the work is yet to be done, and may fail for the input */
	if (image_savers[job->format](image, job, &bytes, &len) != 0)
		return image_error_vips(call, "convert");
	call_pack_bin(call, bytes, len);
	g_free(bytes);
	return 0;
}
