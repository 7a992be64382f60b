#include "worker/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/call.h"
#include "worker/files.h"

#define BLOB_PAGE ((size_t)4096) /* no page is smaller; larger ones fail */
#define BLOB_MAP ((size_t)4 << 20) /* bytes that are mapped at once */

/* What a file is read into; one task runs at a time. */
static uint8_t blob_piece[BLOB_PIECE_MAX];
static size_t blob_used; /* bytes of it that were written to */

/*
 * What is mapped of a sealed memfd. A caller that passes the same one again,
 * filled anew, finds it mapped: making that costs as much as a copy would.
 */
static struct {
	void *at; /* NULL: nothing */
	size_t len;
	off_t from; /* where in the file */
	dev_t dev;
	ino_t ino;
} blob_mapped;

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

void
blob_forget(void)
{
	if (blob_mapped.at != NULL)
		munmap(blob_mapped.at, blob_mapped.len);
	blob_mapped.at = NULL;
}

bool
blob_is_kept(void)
{
	return blob_mapped.at != NULL;
}

/* Whether what is left is there, and will be. The seal comes first. */
static bool
blob_is_sealed(const struct blob *b, struct stat *st)
{
	int seals = fcntl(b->fd, F_GET_SEALS);

	return seals != -1 && (seals & F_SEAL_SHRINK) &&
	       fstat(b->fd, st) == 0 &&
	       (uint64_t)st->st_size >= b->offset + b->left;
}

/*
 * Whether the part is mapped already. While it is, the file lives on, and no
 * other can have its number.
 */
static bool
blob_has(const struct stat *st, off_t from, size_t len)
{
	return blob_mapped.at != NULL && blob_mapped.ino == st->st_ino &&
	       blob_mapped.dev == st->st_dev && blob_mapped.from == from &&
	       blob_mapped.len == len;
}

/* Maps the next bytes. False: they are to be read instead. */
static bool
blob_map(struct blob *b, const uint8_t **at, size_t *len)
{
	size_t ahead = (size_t)b->offset & (BLOB_PAGE - 1), size;
	off_t from = (off_t)(b->offset - ahead);
	struct stat st;
	void *map;

	if (!blob_is_sealed(b, &st))
		return false;
	*len = b->left < BLOB_MAP ? (size_t)b->left : BLOB_MAP;
	size = ahead + *len;
	if (!blob_has(&st, from, size)) {
		blob_forget();
		map = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE,
		    b->fd, from);
		if (map == MAP_FAILED)
			return false;
		blob_mapped.at = map;
		blob_mapped.len = size;
		blob_mapped.from = from;
		blob_mapped.dev = st.st_dev;
		blob_mapped.ino = st.st_ino;
	}
	*at = (const uint8_t *)blob_mapped.at + ahead;
	b->offset += *len;
	b->left -= *len;
	return true;
}

int
blob_next(struct blob *b, struct call *call, const uint8_t **at, size_t *len)
{
	ssize_t n;

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
