/*
 * image:thumbnail. The library is a program's that a bare process starts and
 * asks for one thumbnail after the other: moro-bench does without it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/bench-bare.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-spawn.h"

#define IMAGE_PROGRAM "moro-bench-vips"
#define IMAGE_SIDE 200 /* pixels of the thumbnail */
#define IMAGE_SIDE_TEXT "200"

static struct request_input image_jpeg;
static const char *image_path; /* the same as a file */
static char image_program[SPAWN_PATH];
static int image_fd = -1; /* of a bare process: to its program */

/* The path of the program, or NULL: it was not built. */
static const char *
image_find(void)
{
	const char *path =
	    spawn_sibling(image_program, IMAGE_PROGRAM, IMAGE_PROGRAM);

	return path == image_program ? path : NULL;
}

/* Starts the program with a socket as its input and output. */
static int
image_start(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		cleanup_die("cannot start " IMAGE_PROGRAM ": %s",
		    strerror(errno));
	if (spawn_fork() == 0) {
		dup2(pair[1], STDIN_FILENO);
		dup2(pair[1], STDOUT_FILENO);
		execl(image_program, IMAGE_PROGRAM, "loop", image_path,
		    IMAGE_SIDE_TEXT, (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	close(pair[1]);
	return pair[0];
}

static void
image_work(const struct bare *bare)
{
	char turn = 0;

	(void)bare;
	if (image_fd < 0)
		image_fd = image_start();
	bare_check(write(image_fd, &turn, 1) == 1 &&
		       read(image_fd, &turn, 1) == 1,
	    "make a thumbnail");
}

static void
image_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	request_init(&r, "image:thumbnail", 2);
	request_key(&r, "size");
	msgpack_pack_int(&r.pk, IMAGE_SIDE);
	request_large(&r, "image", &image_jpeg, by_fd, bare_common.result_fds);
	request_end(&r, f);
}

/* Reads the file that the program has made. */
static void
image_read(void)
{
	FILE *f = fopen(image_path, "re");
	struct stat st;
	char *bytes;

	if (f == NULL || fstat(fileno(f), &st) < 0)
		cleanup_die("cannot read %s: %s", image_path, strerror(errno));
	bytes = spawn_alloc((size_t)st.st_size);
	if (fread(bytes, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		cleanup_die("cannot read %s", image_path);
	fclose(f);
	request_input_init(&image_jpeg, bytes, (size_t)st.st_size);
}

static bool
image_offered(const struct bench *b)
{
	if (b->modules == NULL)
		return false;
	if (image_find() != NULL)
		return true;
	fputs("moro-bench: tasks.image:thumbnail: there is no " IMAGE_PROGRAM
	      ", skipping\n",
	    stderr);
	return false;
}

static void
image_init(void)
{
	const char *argv[] = {image_program, "make", NULL, NULL};

	image_path = argv[2] = cleanup_file("image.jpg");
	bare_check(spawn_wait(spawn_run(argv, NULL)) == EXIT_SUCCESS,
	    "make an image");
	image_read();
}

static void
image_clear(void)
{
	request_input_clear(&image_jpeg);
	unlink(image_path);
}

static const struct bare image_rows[] = {
    {"image:thumbnail", NULL,
	"vips_thumbnail_buffer() of 4000 x 3000 to 200, jpegsave",
	BARE_BY_FD | BARE_BRIEF | BARE_LONG | BARE_OPTIONAL | BARE_MODULE,
	BARE_MIDDLE, NULL, image_form, image_work},
    {NULL},
};

const struct bare_family bare_image = {image_init, image_clear, image_rows,
    image_offered};
