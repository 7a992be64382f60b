#include "worker/modules/image-fit.h"

#include <math.h>
#include <stddef.h>

const char *const image_fit_names[] = {"cover", "contain", "fill", "inside",
    "outside", NULL};

/* A side scaled: rounded, and never nothing. */
static int64_t
image_fit_side(int side, double scale)
{
	int64_t n = llround(side * scale);

	return n > 0 ? n : 1;
}

/* Makes the two scales what the fit wants them to be. */
static void
image_fit_scale(const struct image_box *box, double *x, double *y)
{
	if (box->width == 0)
		*x = *y;
	else if (box->height == 0)
		*y = *x;
	else if (box->fit == IMAGE_INSIDE || box->fit == IMAGE_CONTAIN)
		*x = *y = fmin(*x, *y);
	else if (box->fit != IMAGE_FILL)
		*x = *y = fmax(*x, *y);
	if (!box->without_enlargement)
		return;
	*x = fmin(*x, 1);
	*y = fmin(*y, 1);
}

static int64_t
image_fit_least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct image_plan
image_fit_plan(int width, int height, const struct image_box *box)
{
	double x = (double)box->width / width, y = (double)box->height / height;
	struct image_plan plan;

	image_fit_scale(box, &x, &y);
	plan.scaled.width = image_fit_side(width, x);
	plan.scaled.height = image_fit_side(height, y);
	plan.cut = plan.canvas = plan.scaled;
	if (box->width == 0 || box->height == 0)
		return plan;
	if (box->fit == IMAGE_COVER) {
		plan.cut.width = image_fit_least(plan.scaled.width, box->width);
		plan.cut.height =
		    image_fit_least(plan.scaled.height, box->height);
		plan.canvas = plan.cut;
	} else if (box->fit == IMAGE_CONTAIN) {
		plan.canvas.width = box->width;
		plan.canvas.height = box->height;
	}
	return plan;
}
