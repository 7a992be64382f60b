/*
 * moro-bench-vips: the image work of moro-bench, apart from it because libvips
 * is a hundred libraries. `make FILE` writes a photo's size of JPEG; `loop FILE
 * SIZE` makes a thumbnail for each byte that comes in, and answers a byte.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vips/vips.h>

#define VIPS_USAGE 2 /* exit status */
#define VIPS_QUALITY 80 /* image:thumbnail's default */
#define VIPS_WIDTH 4000
#define VIPS_HEIGHT 3000
#define VIPS_SEED 7
#define VIPS_SIZES 4096 /* most pixels of a side */

/* Says what the library says, and fails. */
static int
vips_die(const char *what)
{
	fprintf(stderr, "moro-bench-vips: cannot %s: %s", what,
	    vips_error_buffer());
	return EXIT_FAILURE;
}

/* Writes clouds of colour: neither flat nor noise, as photos are. */
static int
vips_make(const char *path)
{
	VipsImage *bands[3] = {NULL}, *clouds = NULL, *image = NULL;
	int rc = 0;

	for (int i = 0; rc == 0 && i < 3; i++)
		rc = vips_perlin(&bands[i], VIPS_WIDTH, VIPS_HEIGHT, "seed",
		    VIPS_SEED + i, "uchar", TRUE, NULL);
	if (rc == 0)
		rc = vips_bandjoin(bands, &clouds, 3, NULL);
	if (rc == 0)
		rc = vips_copy(clouds, &image, "interpretation",
		    VIPS_INTERPRETATION_sRGB, NULL);
	if (rc == 0)
		rc = vips_jpegsave(image, path, "Q", VIPS_QUALITY, NULL);
	for (int i = 0; i < 3; i++)
		g_clear_object(&bands[i]);
	g_clear_object(&clouds);
	g_clear_object(&image);
	return rc == 0 ? EXIT_SUCCESS : vips_die("make an image");
}

/* Makes one thumbnail as the task does, and drops it. */
static int
vips_once(char *bytes, size_t len, int size)
{
	VipsImage *image = NULL;
	void *out = NULL;
	size_t n;
	int rc = vips_thumbnail_buffer(bytes, len, &image, size, "height", size,
	    "crop", VIPS_INTERESTING_CENTRE, NULL);

	if (rc == 0)
		rc = vips_jpegsave_buffer(image, &out, &n, "Q", VIPS_QUALITY,
		    "strip", TRUE, NULL);
	g_clear_object(&image);
	g_free(out);
	return rc;
}

static int
vips_loop(const char *path, int size)
{
	gchar *bytes;
	gsize len;
	char turn;

	if (!g_file_get_contents(path, &bytes, &len, NULL))
		return vips_die("read the image");
	while (read(STDIN_FILENO, &turn, 1) == 1) {
		if (vips_once(bytes, len, size) != 0)
			return vips_die("make a thumbnail");
		if (write(STDOUT_FILENO, &turn, 1) != 1)
			break;
	}
	g_free(bytes);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	int size = argc == 4 ? atoi(argv[3]) : 0;

	if (VIPS_INIT(argv[0]) != 0)
		return vips_die("begin");
	/* as the module sets it */
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	if (argc == 3 && strcmp(argv[1], "make") == 0)
		return vips_make(argv[2]);
	if (size > 0 && size <= VIPS_SIZES && strcmp(argv[1], "loop") == 0)
		return vips_loop(argv[2], size);
	fputs("usage: moro-bench-vips make FILE | loop FILE SIZE\n", stderr);
	return VIPS_USAGE;
}
