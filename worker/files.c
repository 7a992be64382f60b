#include "worker/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/reader.h"
#include "worker/call.h"
#include "worker/mapping.h"

/* One range in memory. */
struct files_copy {
	struct files_copy *next;
	size_t len;
	uint8_t bytes[];
};

void
files_init(struct files *f, uint64_t max)
{
	memset(f, 0, sizeof *f);
	f->result = -1;
	f->max = max;
}

void
files_clear(struct files *f, bool secret)
{
	struct files_copy *copy;

	while (f->n > 0)
		close(f->fds[--f->n]);
	while ((copy = f->copies) != NULL) {
		f->copies = copy->next;
		if (secret)
			explicit_bzero(copy->bytes, copy->len);
		free(copy);
	}
	f->result = -1;
	f->written = 0;
	f->placed = NULL;
	f->ranged = false;
	mapping_release();
}

bool
files_is_range(const msgpack_object *value)
{
	return value->type == MSGPACK_OBJECT_EXT &&
	       value->via.ext.type == RANGE_EXT;
}

/* Whether a descriptor was opened in a way that allows `mode`. */
static bool
files_may(int fd, int mode)
{
	int flags = fcntl(fd, F_GETFL);
	int has = flags & O_ACCMODE;

	return flags != -1 && (has == O_RDWR || has == mode);
}

/* Refuses a range that goes past the end of its file. */
static int
files_short(struct call *call, const char *field, const struct range *range)
{
	return call_invalid(call, field,
	    "%s takes %" PRIu64 " bytes from %" PRIu64
	    " of a file that ends before",
	    field, range->len, range->offset);
}

int
files_check(struct call *call, const char *field, const msgpack_object *value,
    struct range *range)
{
	struct files *f = call->files;
	struct stat st;

	if (range_parse(range, value->via.ext.ptr, value->via.ext.size) == -1)
		return call_invalid(call, field,
		    "%s holds an extension 77 that is no range of a file",
		    field);
	if (f == NULL || range->index >= f->n)
		return call_invalid(call, field,
		    "%s is a range of descriptor %u, and the request has %u",
		    field, (unsigned int)range->index,
		    f == NULL ? 0 : (unsigned int)f->n);
	if ((int)range->index == f->result)
		f->ranged = true;
	if (range->len > f->max) {
		call_invalid(call, field,
		    "%s is a range of %" PRIu64 " bytes, and the limit is "
		    "%" PRIu64,
		    field, range->len, f->max);
		call->fault.code = CODE_TOO_LARGE;
		return -1;
	}
	if (!files_may(f->fds[range->index], O_RDONLY))
		return call_invalid(call, field,
		    "%s is a range of a descriptor that is not open for "
		    "reading",
		    field);
	if (fstat(f->fds[range->index], &st) == -1 ||
	    range->offset + range->len > (uint64_t)st.st_size)
		return files_short(call, field, range);
	return 0;
}

/* Reads a whole range. */
static int
files_read(struct call *call, const char *field, const struct range *range,
    uint8_t *to)
{
	int fd = call->files->fds[range->index];
	uint64_t done = 0;

	while (done < range->len) {
		size_t want = range->len - done < FILES_PIECE
				  ? (size_t)(range->len - done)
				  : FILES_PIECE;
		ssize_t n =
		    pread(fd, to + done, want, (off_t)(range->offset + done));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return call_invalid(call, field,
			    "%s cannot be read: %s", field, strerror(errno));
		if (n == 0)
			return files_short(call, field, range);
		done += (uint64_t)n;
	}
	return 0;
}

int
files_load(struct call *call, const char *field, msgpack_object *value)
{
	struct files_copy *copy;
	struct range range;

	if (files_check(call, field, value, &range) < 0)
		return -1;
	if (range.len > call->result_max)
		return call_too_large(call, field, call->result_max);
	copy = malloc(sizeof *copy + range.len);
	if (copy == NULL)
		return call_no_memory(call);
	copy->len = range.len;
	copy->next = call->files->copies;
	call->files->copies = copy;
	if (files_read(call, field, &range, copy->bytes) < 0)
		return -1;
	value->type = MSGPACK_OBJECT_BIN;
	value->via.bin.ptr = (const char *)copy->bytes;
	value->via.bin.size = (uint32_t)range.len;
	return 0;
}

const uint8_t *
files_see(struct call *call, const char *field, const msgpack_object *value,
    size_t *len)
{
	struct range range;
	const uint8_t *at;

	if (!files_is_range(value) ||
	    files_check(call, field, value, &range) < 0)
		return NULL;
	at = mapping_get(call->files->fds[range.index], range.offset, range.len,
	    len);
	return at != NULL && *len == range.len ? at : NULL;
}

bool
files_take_result(const struct call *call)
{
	return call->files != NULL && call->files->result != -1;
}

/* The descriptor that the result goes to. */
static int
files_result_fd(const struct call *call)
{
	return call->files->fds[call->files->result];
}

static int
files_refuse_result(struct call *call, const char *why)
{
	return call_invalid(call, "resultFd", "resultFd %s", why);
}

int
files_check_result(struct call *call)
{
	int fd = files_result_fd(call);

	if (!files_may(fd, O_WRONLY))
		return files_refuse_result(call,
		    "takes a descriptor that is open for writing");
	/* there pwrite() does not write where it is told to */
	if (fcntl(fd, F_GETFL) & O_APPEND)
		return files_refuse_result(call,
		    "takes a descriptor that is not open for appending");
	return 0;
}

/* Says so; whoever gave the descriptor knows what it is called. */
static int
files_write_failed(struct call *call)
{
	int error = errno;

	call_fail(call, CODE_WORKER_ERROR,
	    "the result cannot be written to the file: %s", strerror(error));
	fault_add_text(&call->fault, "field", "resultFd");
	fault_add_number(&call->fault, "errno", error);
	return -1;
}

int
files_write(struct call *call, const uint8_t *bytes, size_t len)
{
	struct files *f = call->files;
	size_t room;

	if (len > f->max - f->written)
		return call_too_large(call, "result", f->max);
	if (len > 0 && files_place(call, len, &room) != NULL) {
		memcpy(f->placed, bytes, len); /* half of what pwrite() takes */
		files_go_on(call, len);
		return 0;
	}
	while (len > 0) {
		ssize_t n = pwrite(files_result_fd(call), bytes, len,
		    (off_t)f->written);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return files_write_failed(call);
		bytes += n;
		len -= (size_t)n;
		f->written += (uint64_t)n;
	}
	return 0;
}

/* Packs the range of what was written as the task's result. */
static void
files_pack_result(struct call *call)
{
	const struct files *f = call->files;
	struct range range = {
	    .index = (uint8_t)f->result,
	    .len = f->written,
	};
	uint8_t body[RANGE_BODY];

	range_pack(body, &range);
	msgpack_pack_ext_with_body(&call->pk, body, sizeof body, RANGE_EXT);
}

int
files_end(struct call *call)
{
	int fd = files_result_fd(call);

	if (ftruncate(fd, (off_t)call->files->written) == -1 &&
	    !mapping_cannot_shrink(fd))
		return files_write_failed(call);
	files_pack_result(call);
	return 0;
}

/*
 * Whether the result's file came for something else as well: it would be
 * written over before all of it is read.
 */
static bool
files_result_is_input(const struct files *f)
{
	struct stat result, other;

	if (f->ranged || fstat(f->fds[f->result], &result) == -1)
		return true;
	for (uint32_t i = 0; i < f->n; i++) {
		if ((int)i != f->result &&
		    (fstat(f->fds[i], &other) == -1 ||
			(other.st_ino == result.st_ino &&
			    other.st_dev == result.st_dev)))
			return true;
	}
	return false;
}

uint8_t *
files_place(struct call *call, size_t need, size_t *room)
{
	struct files *f = call->files;

	if (!files_take_result(call) || f->written > 0 || need > f->max ||
	    files_result_is_input(f))
		return NULL;
	f->placed = mapping_place(files_result_fd(call), need, room);
	if (f->placed != NULL && *room > f->max)
		*room = (size_t)f->max;
	return f->placed;
}

size_t
files_place_room(const struct call *call)
{
	return files_take_result(call)
		   ? mapping_place_room(files_result_fd(call))
		   : 0;
}

void
files_go_on(struct call *call, size_t len)
{
	call->files->placed = NULL;
	call->files->written = len;
}

void
files_end_placed(struct call *call, size_t len)
{
	files_go_on(call, len);
	files_pack_result(call);
}

int
files_move_result(struct call *call, size_t start)
{
	struct output *out = call->out;
	struct reader r;
	struct item item;

	reader_init(&r, out->bytes + start, out->len - start);
	item = reader_next(&r);
	if (!reader_text(&item))
		return 0;
	if (files_write(call, (const uint8_t *)item.bytes, (size_t)item.n) < 0)
		return -1;
	out->len = start;
	return files_end(call);
}
