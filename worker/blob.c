#include "worker/blob.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker/call.h"
#include "worker/files.h"
#include "worker/mapping.h"

/* What a file is read into; one task runs at a time. */
static uint8_t blob_piece[BLOB_PIECE_MAX];
static size_t blob_used; /* bytes of it that were written to */

int
blob_init(struct blob *b, struct call *call, const char *field,
    const msgpack_object *arg)
{
	struct range range;
	size_t len;

	memset(b, 0, sizeof *b);
	b->field = field;
	b->fd = -1;
	b->piece = BLOB_PIECE;
	if (!files_is_range(arg)) {
		b->bytes = call_bytes(arg, &len);
		b->len = b->left = len;
		return 0;
	}
	if (files_check(call, field, arg, &range) < 0)
		return -1;
	b->fd = call->files->fds[range.index];
	b->offset = range.offset;
	b->len = b->left = range.len;
	return 0;
}

/* Gives the next bytes where they are. False: they are to be read instead. */
static bool
blob_map(struct blob *b, const uint8_t **at, size_t *len)
{
	const uint8_t *bytes = mapping_get(b->fd, b->offset, b->left, len);

	if (bytes == NULL)
		return false;
	*at = bytes;
	b->offset += *len;
	b->left -= *len;
	return true;
}

int
blob_next(struct blob *b, struct call *call, const uint8_t **at, size_t *len)
{
	ssize_t n;

	/* what was given out before is done with */
	if (blob_is_file(b))
		call_progress(call, (double)(b->len - b->left), (double)b->len,
		    NULL);
	*at = b->bytes;
	*len = (size_t)b->left;
	if (!blob_is_file(b)) {
		b->left = 0;
		return 0;
	}
	*at = blob_piece;
	if (b->left == 0)
		return 0;
	if (b->in_place && blob_map(b, at, len))
		return 0;
	*len = (size_t)b->left;
	if (*len > b->piece)
		*len = b->piece;
	do
		n = pread(b->fd, blob_piece, *len, (off_t)b->offset);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return call_invalid(call, b->field, "%s cannot be read: %s",
		    b->field, strerror(errno));
	if (n == 0)
		return call_invalid(call, b->field,
		    "%s is a range of a file that became shorter", b->field);
	*len = (size_t)n;
	if (blob_used < *len)
		blob_used = *len;
	b->offset += (uint64_t)n;
	b->left -= (uint64_t)n;
	return 0;
}

size_t
blob_peek(const struct blob *b, uint8_t *to, size_t len)
{
	ssize_t n;

	if (len > b->left)
		len = (size_t)b->left;
	if (blob_is_file(b)) {
		n = pread(b->fd, to, len, (off_t)b->offset);
		return n > 0 ? (size_t)n : 0;
	}
	if (len > 0)
		memcpy(to, b->bytes, len);
	return len;
}

void
blob_wipe(void)
{
	explicit_bzero(blob_piece, blob_used);
	blob_used = 0;
}
