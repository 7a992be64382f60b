/* mandelbrot: how soon each point of a picture escapes. */

#include "worker/tasks/heavy.h"

#include <endian.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#define MANDELBROT_SIDE_MAX 8192 /* pixels */
#define MANDELBROT_PIXELS_MAX (INT64_C(1) << 24)
#define MANDELBROT_DEPTH_MAX 65535 /* iterations: what two bytes hold */
#define MANDELBROT_DEPTH 255
#define MANDELBROT_BYTE_MAX 255 /* iterations that one byte holds */
#define MANDELBROT_WORK_MAX INT64_C(10000000000) /* iterations in all: 10^10 */
#define MANDELBROT_STEP 1000000u /* iterations between two looks */
#define MANDELBROT_ESCAPED 4.0 /* the square of 2 */
#define MANDELBROT_CENTRE_MAX 4
#define MANDELBROT_SCALE_MAX 16
#define MANDELBROT_X (-0.5)
#define MANDELBROT_SCALE 3.0

enum mandelbrot_field {
	MANDELBROT_WIDTH,
	MANDELBROT_HEIGHT,
	MANDELBROT_CENTRE_X,
	MANDELBROT_CENTRE_Y,
	MANDELBROT_SCALE_FIELD,
	MANDELBROT_ITERATIONS,
};

static const struct field mandelbrot_fields[] = {
    [MANDELBROT_WIDTH] = {.name = "width",
	.kinds = FIELD_INT,
	.required = true,
	.min = 1,
	.max = MANDELBROT_SIDE_MAX,
	.about = "mandelbrot: pixels; width x height is at most 16777216."},
    [MANDELBROT_HEIGHT] = {.name = "height",
	.kinds = FIELD_INT,
	.required = true,
	.min = 1,
	.max = MANDELBROT_SIDE_MAX,
	.about = "mandelbrot: pixels."},
    [MANDELBROT_CENTRE_X] = {.name = "centerX",
	.kinds = FIELD_NUMBER,
	.min = -MANDELBROT_CENTRE_MAX,
	.max = MANDELBROT_CENTRE_MAX,
	.fallback = "-0.5",
	.about = "mandelbrot: the real part in the middle of the picture."},
    [MANDELBROT_CENTRE_Y] = {.name = "centerY",
	.kinds = FIELD_NUMBER,
	.min = -MANDELBROT_CENTRE_MAX,
	.max = MANDELBROT_CENTRE_MAX,
	.fallback = "0",
	.about = "mandelbrot: the imaginary part there."},
    [MANDELBROT_SCALE_FIELD] = {.name = "scale",
	.kinds = FIELD_NUMBER,
	.max = MANDELBROT_SCALE_MAX,
	.fallback = "3",
	.about = "mandelbrot: from the left side to the right; over 0."},
    [MANDELBROT_ITERATIONS] = {.name = "maxIterations",
	.kinds = FIELD_INT,
	.min = 1,
	.max = MANDELBROT_DEPTH_MAX,
	.fallback = "255",
	.about = "mandelbrot: when to give up; width x height x "
		 "maxIterations is at most 10000000000."},
    {.name = NULL},
};

/* One picture. */
struct picture {
	struct call *call;
	int64_t width;
	int64_t height;
	double x; /* its middle */
	double y;
	double scale;
	uint32_t depth; /* iterations for each pixel at most */
	uint8_t *at; /* the next pixel */
	uint64_t work; /* iterations since the last look */
};

/* Iterations until a point escapes; depth if it does not. */
static uint32_t
picture_iterate(double x, double y, uint32_t depth)
{
	double re = 0, im = 0, re2 = 0, im2 = 0;
	uint32_t n = 0;

	while (n < depth && re2 + im2 <= MANDELBROT_ESCAPED) {
		im = 2 * re * im + y;
		re = re2 - im2 + x;
		re2 = re * re;
		im2 = im * im;
		n++;
	}
	return n;
}

/* Writes a pixel: one byte, or two with the least significant first. */
static void
picture_put(struct picture *p, uint32_t n)
{
	uint16_t pixel = htole16((uint16_t)n);

	if (p->depth <= MANDELBROT_BYTE_MAX) {
		*p->at++ = (uint8_t)n;
		return;
	}
	memcpy(p->at, &pixel, sizeof pixel);
	p->at += sizeof pixel;
}

/* Draws a row; each point is the middle of its pixel. */
static int
picture_row(struct picture *p, int64_t row)
{
	double width = (double)p->width, height = (double)p->height;
	double y = p->y - (((double)row + 0.5) / height - 0.5) *
			      (p->scale * height / width);

	for (int64_t i = 0; i < p->width; i++) {
		double x = p->x + (((double)i + 0.5) / width - 0.5) * p->scale;
		uint32_t n = picture_iterate(x, y, p->depth);

		picture_put(p, n);
		p->work += n + 1;
		if (p->work < MANDELBROT_STEP)
			continue;
		p->work = 0;
		if (heavy_step(p->call, (double)row, height) < 0)
			return -1;
	}
	return 0;
}

static void
picture_pack(const struct picture *p, const char *key, int64_t n)
{
	call_pack_str(p->call, key);
	msgpack_pack_int64(&p->call->pk, n);
}

/* Draws the picture to its place in the result. */
static int
picture_draw(struct picture *p)
{
	int64_t bytes = p->depth <= MANDELBROT_BYTE_MAX ? 1 : 2;

	msgpack_pack_map(&p->call->pk, 5);
	picture_pack(p, "width", p->width);
	picture_pack(p, "height", p->height);
	picture_pack(p, "maxIterations", p->depth);
	picture_pack(p, "bytesPerPixel", bytes);
	call_pack_str(p->call, "pixels");
	p->at =
	    call_place(p->call, (size_t)(p->width * p->height * bytes), false);
	if (p->at == NULL)
		return -1;
	for (int64_t row = 0; row < p->height; row++) {
		if (picture_row(p, row) < 0)
			return -1;
	}
	return 0;
}

/* Refuses pictures that are too much work. */
static int
picture_check(const struct picture *p)
{
	int64_t pixels = p->width * p->height;

	if (pixels > MANDELBROT_PIXELS_MAX)
		return call_invalid(p->call, "params.height",
		    "params.height takes so many that width x height is at "
		    "most %" PRId64 ", not %" PRId64,
		    MANDELBROT_PIXELS_MAX, pixels);
	if (pixels * p->depth > MANDELBROT_WORK_MAX)
		return call_invalid(p->call, "params.maxIterations",
		    "params.maxIterations takes so many that width x height x "
		    "maxIterations is at most %" PRId64 ", not %" PRId64,
		    MANDELBROT_WORK_MAX, pixels * p->depth);
	return 0;
}

static int
mandelbrot_run(struct call *call, const msgpack_object *const *args)
{
	const msgpack_object *scale = args[MANDELBROT_SCALE_FIELD];
	struct picture p = {
	    .call = call,
	    .width = call_int(args[MANDELBROT_WIDTH], 0),
	    .height = call_int(args[MANDELBROT_HEIGHT], 0),
	    .x = call_number(args[MANDELBROT_CENTRE_X], MANDELBROT_X),
	    .y = call_number(args[MANDELBROT_CENTRE_Y], 0),
	    .scale = call_number(scale, MANDELBROT_SCALE),
	    .depth = (uint32_t)call_int(args[MANDELBROT_ITERATIONS],
		MANDELBROT_DEPTH),
	};

	if (p.scale <= 0)
		return call_refuse(call, "params.scale",
		    "a number over 0, to 16", scale);
	return picture_check(&p) < 0 ? -1 : picture_draw(&p);
}

const struct heavy_operation heavy_mandelbrot = {"mandelbrot",
    mandelbrot_fields, mandelbrot_run};
