#include <moro_module.h>

#include "worker/modules/image-error.h"
#include "worker/modules/image-job.h"

#define HALVES 2
#define COLOURS 3 /* bands of colour; fewer are grey */
#define INK_MAX 4
/* Debian 12's vips_thumbnail_buffer() does not hand on its own fail_on. */
#define IMAGE_LOAD_OPTIONS "fail_on=error"

/*
 * Every step takes the image's place with what it makes of it, so that there is
 * one image to let go of. Each returns 0, or -1 with the library's error.
 */
static int
image_step(VipsImage **image, VipsImage *next, int rc)
{
	if (rc != 0)
		return -1;
	g_object_unref(*image);
	*image = next;
	return 0;
}

/*
 * Scales, decoding no more than it must: JPEG and WebP are decoded smaller. The
 * result's pixels are computed later. It is in sRGB, or grey, of 8 bits; by the
 * image's profile, or as if it had none.
 */
static int
image_thumbnail(const struct image_source *s, const struct image_job *job,
    const struct image_size *size, bool by_profile, VipsImage **image)
{
	bool turned = job->orient && image_source_is_turned(s);
	int width = (int)(turned ? size->height : size->width);
	int height = (int)(turned ? size->width : size->height);
	void *bytes = (void *)(uintptr_t)s->bytes;

	if (by_profile)
		return vips_thumbnail_buffer(bytes, s->len, image, width,
		    "height", height, "size", VIPS_SIZE_FORCE, "no_rotate",
		    TRUE, "option_string", IMAGE_LOAD_OPTIONS, "export_profile",
		    "srgb", NULL);
	return vips_thumbnail_buffer(bytes, s->len, image, width, "height",
	    height, "size", VIPS_SIZE_FORCE, "no_rotate", TRUE, "option_string",
	    IMAGE_LOAD_OPTIONS, NULL);
}

/*
 * The same, with the profile if there is one that fits. A wrong one is common,
 * and shows nothing of the image; to name one for all would cost a conversion.
 */
static int
image_begin(const struct image_source *s, const struct image_job *job,
    const struct image_size *size, VipsImage **image)
{
	if (vips_image_get_typeof(s->header, VIPS_META_ICC_NAME) != 0) {
		if (image_thumbnail(s, job, size, true, image) == 0)
			return 0;
		vips_error_clear();
	}
	return image_thumbnail(s, job, size, false, image);
}

/* Whether steps follow that read the image in another order than it is in. */
static bool
image_needs_memory(const struct image_source *s, const struct image_job *job,
    const struct image_plan *plan)
{
	bool cuts = plan->cut.width < plan->scaled.width ||
		    plan->cut.height < plan->scaled.height;

	return (job->orient && s->orientation != 1) ||
	       (cuts && job->position->interesting != VIPS_INTERESTING_NONE);
}

/* Decodes and scales now; the rest is computed from memory. */
static int
image_to_memory(struct moro_task *task, VipsImage **image)
{
	VipsImage *next;

	image_watch(task, *image, true);
	next = vips_image_copy_memory(*image);
	return image_step(image, next, next != NULL ? 0 : -1);
}

static int
image_orient(VipsImage **image)
{
	VipsImage *next = NULL;
	int rc = vips_autorot(*image, &next, NULL);

	return image_step(image, next, rc);
}

/* A profile makes colours of what was grey. */
static int
image_make_grey(VipsImage **image)
{
	VipsImage *next = NULL;
	int rc = vips_colourspace(*image, &next, VIPS_INTERPRETATION_B_W, NULL);

	return image_step(image, next, rc);
}

static int
image_make_colour(VipsImage **image)
{
	VipsImage *next = NULL;
	int rc =
	    vips_colourspace(*image, &next, VIPS_INTERPRETATION_sRGB, NULL);

	return image_step(image, next, rc);
}

static int
image_cut(VipsImage **image, const struct image_job *job,
    const struct image_size *to)
{
	int width = (int)to->width, height = (int)to->height;
	int x = vips_image_get_width(*image) - width;
	int y = vips_image_get_height(*image) - height;
	const struct image_position *p = job->position;
	VipsImage *next = NULL;
	int rc;

	if (x == 0 && y == 0)
		return 0;
	if (p->interesting != VIPS_INTERESTING_NONE)
		rc = vips_smartcrop(*image, &next, width, height, "interesting",
		    p->interesting, NULL);
	else
		rc = vips_extract_area(*image, &next, x * p->x / HALVES,
		    y * p->y / HALVES, width, height, NULL);
	return image_step(image, next, rc);
}

/* The background as the image's bands, to be unreffed. */
static VipsArrayDouble *
image_ink(const VipsImage *image, const struct image_job *job, bool alpha)
{
	int colours = vips_image_get_bands(image) < COLOURS ? 1 : COLOURS;
	double ink[INK_MAX];

	for (int i = 0; i < colours; i++)
		ink[i] = job->background[i];
	ink[colours] = job->background[3];
	return vips_array_double_new(ink, colours + (alpha ? 1 : 0));
}

/* Puts what is transparent on the background. */
static int
image_flatten(VipsImage **image, const struct image_job *job)
{
	VipsArrayDouble *ink = image_ink(*image, job, false);
	VipsImage *next = NULL;
	int rc = vips_flatten(*image, &next, "background", ink, NULL);

	vips_area_unref(VIPS_AREA(ink));
	return image_step(image, next, rc);
}

static int
image_add_alpha(VipsImage **image)
{
	VipsImage *next = NULL;
	int rc = vips_addalpha(*image, &next, NULL);

	return image_step(image, next, rc);
}

/* Puts the image on its canvas. */
static int
image_extend(VipsImage **image, const struct image_job *job,
    const struct image_size *to)
{
	int x = (int)to->width - vips_image_get_width(*image);
	int y = (int)to->height - vips_image_get_height(*image);
	VipsArrayDouble *ink =
	    image_ink(*image, job, vips_image_hasalpha(*image));
	VipsImage *next = NULL;
	int rc = vips_embed(*image, &next, x * job->position->x / HALVES,
	    y * job->position->y / HALVES, (int)to->width, (int)to->height,
	    "extend", VIPS_EXTEND_BACKGROUND, "background", ink, NULL);

	vips_area_unref(VIPS_AREA(ink));
	return image_step(image, next, rc);
}

/* Whether the background is a colour, which grey images have not. */
static bool
image_background_is_grey(const struct image_job *job)
{
	return job->background[0] == job->background[1] &&
	       job->background[1] == job->background[2];
}

/* Does what needs the background. */
static int
image_lay(VipsImage **image, const struct image_job *job,
    const struct image_plan *plan)
{
	bool flatten = vips_image_hasalpha(*image) && job->format == IMAGE_JPEG;
	bool extend = plan->canvas.width > plan->cut.width ||
		      plan->canvas.height > plan->cut.height;

	if (!flatten && !extend)
		return 0;
	if (vips_image_get_bands(*image) < COLOURS &&
	    !image_background_is_grey(job) && image_make_colour(image) < 0)
		return -1;
	if (flatten && image_flatten(image, job) < 0)
		return -1;
	if (!extend)
		return 0;
	if (!vips_image_hasalpha(*image) &&
	    job->background[3] != IMAGE_JOB_OPAQUE &&
	    image_add_alpha(image) < 0)
		return -1;
	return image_extend(image, job, &plan->canvas);
}

/* All steps, in this order. */
static int
image_steps(struct moro_task *task, const struct image_source *s,
    const struct image_job *job, const struct image_plan *plan,
    VipsImage **image)
{
	bool grey = vips_image_get_bands(s->header) < COLOURS;

	if (image_begin(s, job, &plan->scaled, image) != 0)
		return -1;
	if (grey && vips_image_get_bands(*image) >= COLOURS &&
	    image_make_grey(image) < 0)
		return -1;
	if (image_needs_memory(s, job, plan) &&
	    image_to_memory(task, image) < 0)
		return -1;
	if (job->orient && s->orientation != 1 && image_orient(image) < 0)
		return -1;
	if (image_cut(image, job, &plan->cut) < 0)
		return -1;
	return image_lay(image, job, plan);
}

/* Refuses results that are too large; that they are cut later is no excuse. */
static int
image_check_plan(struct moro_task *task, const struct image_plan *plan)
{
	const struct image_size *size = &plan->scaled;
	const struct image_size *canvas = &plan->canvas;

	if (size->width > VIPS_MAX_COORD || size->height > VIPS_MAX_COORD ||
	    size->width * size->height > IMAGE_JOB_OUTPUT_PIXELS)
		return image_error_pixels(task, "scaled image", size->width,
		    size->height, IMAGE_JOB_OUTPUT_PIXELS, "in all");
	if (canvas->width * canvas->height > IMAGE_JOB_OUTPUT_PIXELS)
		return image_error_pixels(task, "result", canvas->width,
		    canvas->height, IMAGE_JOB_OUTPUT_PIXELS, "in all");
	if (canvas->width > IMAGE_FIT_SIDE_MAX ||
	    canvas->height > IMAGE_FIT_SIDE_MAX)
		return image_error_pixels(task, "result", canvas->width,
		    canvas->height, IMAGE_FIT_SIDE_MAX, "on a side");
	return 0;
}

VipsImage *
image_scale(struct moro_task *task, const struct image_source *s,
    const struct image_job *job)
{
	bool turned = job->orient && image_source_is_turned(s);
	struct image_plan plan = image_fit_plan(turned ? s->height : s->width,
	    turned ? s->width : s->height, &job->box);
	VipsImage *image = NULL;

	if (image_check_plan(task, &plan) < 0)
		return NULL;
	if (image_steps(task, s, job, &plan, &image) < 0) {
		g_clear_object(&image);
		image_error_vips(task,
		    "image cannot be read as %s, or not be scaled",
		    image_source_formats[s->format]);
		return NULL;
	}
	/* who waits has heard of the first part, which is most of the work */
	image_watch(task, image, !image_needs_memory(s, job, &plan));
	return image;
}
