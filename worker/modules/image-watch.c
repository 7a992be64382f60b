#include <moro_module.h>

#include "worker/modules/image-job.h"

#define PERCENT 100

/* Called some ten to a hundred times for an image, in the worker's thread. */
static void
image_watch_cancel_cb(VipsImage *image, VipsProgress *progress, void *arg)
{
	(void)progress;
	if (moro_task_cancelled(arg))
		vips_image_set_kill(image, TRUE);
}

static void
image_watch_report_cb(VipsImage *image, VipsProgress *progress, void *arg)
{
	(void)image;
	moro_task_progress(arg, progress->percent, PERCENT, NULL);
}

void
image_watch(struct moro_task *task, VipsImage *image, bool report)
{
	vips_image_set_progress(image, TRUE);
	g_signal_connect(image, "eval", G_CALLBACK(image_watch_cancel_cb),
	    task);
	if (report)
		g_signal_connect(image, "eval",
		    G_CALLBACK(image_watch_report_cb), task);
}
