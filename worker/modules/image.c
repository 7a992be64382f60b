/*
 * The module "image": task types that need libvips, which is a hundred
 * libraries and more.
 */

#include <malloc.h>

#include <glib.h>
#include <vips/vips.h>

#include <moro_module.h>

#include "worker/modules/image-error.h"
#include "worker/modules/image-types.h"

/* The families of the library's loaders that may see a task's bytes. */
static const char *const image_loaders[] = {"VipsForeignLoadJpeg",
    "VipsForeignLoadPng", "VipsForeignLoadWebp"};

/*
 * What libraries tell the log of: every odd image is a warning, which is for who
 * sent it. What is an error of theirs is shown.
 */
static void
image_log_cb(const gchar *domain, GLogLevelFlags level, const gchar *message,
    gpointer arg)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		g_log_default_handler(domain, level, message, arg);
	else if (level & G_LOG_LEVEL_WARNING)
		image_error_note(message);
}

/*
 * Starts the library. It must not see an image before the fork: threads that it
 * started then would be missing in the child, which would wait for them for
 * ever. More threads for one image gain nothing (workers are many), and results
 * of operations are not used again. Its vector code stays on, although orc, which
 * makes it, opens a file for it where it can: without, images that are not
 * decoded smaller take half as long again.
 */
static int
image_init(const char *settings, const char **why)
{
	(void)settings;
	g_log_set_default_handler(image_log_cb, NULL);
	mallopt(M_ARENA_MAX, 1); /* its threads' own would double the memory */
	if (vips_init("morod") != 0) {
		*why = "libvips does not start";
		return -1;
	}
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(image_loaders); i++)
		vips_operation_block_set(image_loaders[i], FALSE);
	return 0;
}

static const struct moro_type *const image_types[] = {&image_resize_type,
    &image_thumbnail_type, &image_info_type, NULL};

const struct moro_module moro_module = {
    .abi = MORO_MODULE_ABI,
    .flags = MORO_FORK_CLEAN,
    .name = "image",
    .types = image_types,
    .init = image_init,
    /* three for each image; and what orc makes of the loops over pixels */
    .needs = MORO_NEEDS_THREADS | MORO_NEEDS_CODE,
};
