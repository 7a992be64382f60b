/*
 * The guide's "Image Processing": thumbnails of several images at a time.
 *
 *	thumbnails FOLDER IMAGE...
 *
 * They go to FOLDER, under their names. Exit code 77: the server cannot do
 * images (morod --module image).
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moro.h>
#include <msgpack.h>

#define SIZE 150
#define SKIPPED 77
#define PATH_BYTES 4096

/* Says what is wrong with a reply, if anything is. Returns 0, or -1. */
static int
check(const char *image, const struct moro_reply *r)
{
	if (moro_reply_ok(r))
		return 0;
	fprintf(stderr, "%s: %s: %s\n", image, moro_reply_code_name(r),
	    moro_reply_message(r));
	return -1;
}

/* Whether the server says that it lacks the task type, or its module. */
static int
lacks_type(struct moro *m, const char *type)
{
	struct moro_reply *r = moro_types(m, type);
	enum moro_code code = moro_reply_code(r);

	moro_reply_free(r);
	return code == MORO_UNKNOWN_TASK || code == MORO_UNSUPPORTED;
}

/* Puts a file's bytes into a map. Returns 0, or -1. */
static int
map_file(struct moro_map *data, const char *name, const char *path)
{
	FILE *f = fopen(path, "r");
	char *bytes = NULL;
	long size = -1;
	int rc = -1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size > 0)
		bytes = malloc((size_t)size);
	if (bytes != NULL && fseek(f, 0, SEEK_SET) == 0 &&
	    fread(bytes, 1, (size_t)size, f) == (size_t)size) {
		moro_map_bytes(data, name, bytes, (size_t)size);
		rc = 0;
	}
	if (rc == -1)
		fprintf(stderr, "%s: cannot be read\n", path);
	free(bytes);
	if (f != NULL)
		fclose(f);
	return rc;
}

/* Asks for a thumbnail. Returns the request's number, or 0. */
static uint64_t
submit_thumbnail(struct moro *m, const char *path,
    const struct moro_options *options)
{
	struct moro_map *data = moro_map_new();
	uint64_t number = 0;

	moro_map_number(data, "size", SIZE);
	if (map_file(data, "image", path) == 0)
		number = moro_submit(m, "image:thumbnail", moro_map_data(data),
		    moro_map_size(data), options, NULL, NULL);
	moro_map_free(data);
	if (number == 0 && moro_error(m) != MORO_OK)
		fprintf(stderr, "%s: %s\n", path, moro_errstr(m));
	return number;
}

/* Writes bytes to a new file. Returns 0, or -1. */
static int
write_file(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");
	int rc = -1;

	if (f != NULL) {
		rc = fwrite(bytes, 1, len, f) == len ? 0 : -1;
		if (fclose(f) == EOF)
			rc = -1;
	}
	if (rc == -1)
		perror(path);
	return rc;
}

/* Prints what an image is: its sides, and its format. */
static int
print_info(struct moro *m, const char *path, const char *bytes, size_t len)
{
	struct moro_reply *r = moro_image_info(m, bytes, len, NULL);
	const msgpack_object *map = moro_reply_object(r);
	int64_t width = 0, height = 0;
	const msgpack_object_kv *kv;
	int rc = check(path, r);
	uint32_t i;

	moro_reply_number(r, "width", &width);
	moro_reply_number(r, "height", &height);
	for (i = 0; rc == 0 && i < map->via.map.size; i++) {
		kv = &map->via.map.ptr[i];
		if (kv->key.via.str.size == 6 &&
		    memcmp(kv->key.via.str.ptr, "format", 6) == 0)
			printf("%s: %" PRId64 "x%" PRId64 " %.*s\n", path,
			    width, height, (int)kv->val.via.str.size,
			    kv->val.via.str.ptr);
	}
	moro_reply_free(r);
	return rc;
}

/* Waits for a thumbnail and writes it to the folder. Returns 0, or -1. */
static int
take_thumbnail(struct moro *m, uint64_t number, const char *folder,
    const char *image)
{
	const char *slash = strrchr(image, '/');
	struct moro_reply *r = moro_wait(m, number, MORO_WAIT_DEFAULT);
	int rc = check(image, r);
	char path[PATH_BYTES];
	const char *bytes;
	size_t len;

	snprintf(path, sizeof path, "%s/%s", folder,
	    slash != NULL ? slash + 1 : image);
	if (rc == 0) {
		bytes = moro_reply_text(r, &len);
		rc = write_file(path, bytes, len);
		if (rc == 0)
			rc = print_info(m, path, bytes, len);
	}
	moro_reply_free(r);
	return rc;
}

int
main(int argc, char **argv)
{
	struct moro_options *normal = moro_options_new();
	struct moro *m = moro_new();
	uint64_t *numbers = calloc((size_t)argc + 1, sizeof *numbers);
	int i, status = 0;

	moro_connect(m, NULL);
	if (lacks_type(m, "image:thumbnail")) {
		fprintf(stderr, "skipped: the server has no module image\n");
		status = SKIPPED;
		argc = 0;
	}
	/* All at once: the server's workers share them. */
	moro_options_set_priority(normal, MORO_PRIORITY_NORMAL);
	for (i = 2; i < argc; i++)
		numbers[i] = submit_thumbnail(m, argv[i], normal);
	/* As Promise.all, but one that fails does not take the others along. */
	for (i = 2; i < argc; i++)
		if (numbers[i] == 0 ||
		    take_thumbnail(m, numbers[i], argv[1], argv[i]) == -1)
			status = 1;
	free(numbers);
	moro_options_free(normal);
	moro_free(m);
	return status;
}
