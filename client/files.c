#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client/choices.h"
#include "client/failure.h"
#include "client/moro.h"
#include "client/reply.h"

/* The answer to a call whose descriptor is no good: nothing was sent. */
static struct moro_reply *
files_refuse(const char *field, const char *why)
{
	struct failure f;

	failure_set(&f, MORO_INVALID_ARGUMENT, "%s: %s", field, why);
	fault_add_text(&f.fault, "field", field);
	return reply_failed(&f);
}

/* Why a descriptor is no file, or NULL. */
static const char *
files_unfit(int fd, struct stat *st)
{
	if (fstat(fd, st) == -1)
		return strerror(errno);
	return S_ISREG(st->st_mode) ? NULL
				    : "it takes a regular file or a memfd";
}

/*
 * Calls a type on a whole file, which is the field "input" of its data; takes
 * the map, and o, a copy of the caller's options.
 */
static struct moro_reply *
files_call(struct moro *m, const char *type, int fd, int out_fd,
    struct moro_map *map, struct moro_options *o)
{
	struct moro_reply *reply = NULL;
	const char *why;
	struct stat st;
	int index;

	if (o == NULL || map == NULL)
		goto done;
	why = files_unfit(fd, &st);
	if (why != NULL) {
		reply = files_refuse("fd", why);
		goto done;
	}
	index = moro_options_add_file(o, fd);
	if (index == -1 ||
	    (out_fd != -1 && moro_options_set_result_file(o, out_fd) == -1)) {
		reply = files_refuse("fd",
		    "the options have too many descriptors already");
		goto done;
	}
	moro_map_file(map, "input", index, 0, (uint64_t)st.st_size);
	if (moro_map_data(map) != NULL)
		reply = moro_call(m, type, moro_map_data(map),
		    moro_map_size(map), o);
done:
	moro_options_free(o);
	moro_map_free(map);
	return reply;
}

struct moro_reply *
moro_hash_file(struct moro *m, int fd, const char *algorithm,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	if (algorithm != NULL)
		moro_map_text(map, "algorithm", algorithm);
	return files_call(m, "crypto:hash", fd, -1, map, choices_copy(options));
}

struct moro_reply *
moro_compress_file(struct moro *m, int fd, int out_fd, const char *format,
    int32_t level, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	if (format != NULL)
		moro_map_text(map, "format", format);
	if (level != MORO_LEVEL_DEFAULT)
		moro_map_number(map, "level", level);
	return files_call(m, "data:compress", fd, out_fd, map,
	    choices_copy(options));
}

struct moro_reply *
moro_decompress_file(struct moro *m, int fd, int out_fd, const char *format,
    uint64_t max_output, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	if (format != NULL)
		moro_map_text(map, "format", format);
	if (max_output != 0)
		moro_map_number(map, "maxOutput",
		    max_output > INT64_MAX ? INT64_MAX : (int64_t)max_output);
	return files_call(m, "data:decompress", fd, out_fd, map,
	    choices_copy(options));
}
