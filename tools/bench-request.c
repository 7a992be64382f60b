#include "tools/bench-request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/range.h"
#include "tools/bench-cleanup.h"

int
request_file_room(size_t len)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)len) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
		cleanup_die("cannot make a memfd: %s", strerror(errno));
	return fd;
}

int
request_file(const char *bytes, size_t len)
{
	int fd = request_file_room(len);

	if (write(fd, bytes, len) != (ssize_t)len)
		cleanup_die("cannot fill a memfd: %s", strerror(errno));
	return fd;
}

void
request_input_init(struct request_input *in, const char *bytes, size_t len)
{
	in->bytes = bytes;
	in->len = len;
	for (int i = 0; i < REQUEST_FILES; i++)
		in->fds[i] = request_file(bytes, len);
}

void
request_input_clear(struct request_input *in)
{
	for (int i = 0; i < REQUEST_FILES; i++)
		close(in->fds[i]);
	free((char *)(uintptr_t)in->bytes);
	memset(in, 0, sizeof *in);
}

void
request_init(struct request *r, const char *type, size_t fields)
{
	memset(r, 0, sizeof *r);
	r->task.type = type;
	msgpack_sbuffer_init(&r->buf);
	msgpack_packer_init(&r->pk, &r->buf, msgpack_sbuffer_write);
	msgpack_pack_map(&r->pk, fields);
}

void
request_key(struct request *r, const char *key)
{
	msgpack_pack_str_with_body(&r->pk, key, strlen(key));
}

void
request_str(struct request *r, const char *key, const char *text)
{
	request_key(r, key);
	msgpack_pack_str_with_body(&r->pk, text, strlen(text));
}

void
request_bin(struct request *r, const char *key, const void *bytes, size_t len)
{
	request_key(r, key);
	msgpack_pack_bin_with_body(&r->pk, bytes, len);
}

void
request_range(struct request *r, const char *key,
    const struct request_input *in, size_t offset, size_t len)
{
	const struct range range = {.index = 0, .offset = offset, .len = len};
	uint8_t body[RANGE_BODY];

	request_key(r, key);
	range_pack(body, &range);
	msgpack_pack_ext_with_body(&r->pk, body, sizeof body, RANGE_EXT);
	r->fds = in->fds;
}

void
request_large(struct request *r, const char *key,
    const struct request_input *in, bool by_fd, const int *result_fds)
{
	if (by_fd) {
		request_range(r, key, in, 0, in->len);
		r->result_fds = result_fds;
		return;
	}
	request_key(r, key);
	msgpack_pack_bin(&r->pk, in->len);
	request_tail(r, in->bytes, in->len);
}

void
request_tail(struct request *r, const void *bytes, size_t len)
{
	r->task.tail = bytes;
	r->task.tail_len = len;
}

void
request_end(struct request *r, struct form *f)
{
	r->task.data = r->buf.data;
	r->task.data_len = r->buf.size;
	form_task(f, &r->task, r->fds, r->result_fds);
	msgpack_sbuffer_destroy(&r->buf);
}
