#include "client/buffer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_MIN ((size_t)4 << 10) /* bytes of the first allocation */
#define BUFFER_KEEP ((size_t)4 << 20) /* larger ones are not kept empty */

/* Keys and passwords pass through: nothing that is dropped stays in memory. */
static void
buffer_wipe(struct buffer *b, size_t from, size_t to)
{
	if (from < to)
		explicit_bzero(b->data + from, to - from);
}

void
buffer_clear(struct buffer *b)
{
	buffer_wipe(b, b->start, b->end);
	free(b->data);
	memset(b, 0, sizeof *b);
}

size_t
buffer_len(const struct buffer *b)
{
	return b->end - b->start;
}

uint8_t *
buffer_head(const struct buffer *b)
{
	return b->data == NULL ? NULL : b->data + b->start;
}

uint8_t *
buffer_tail(const struct buffer *b)
{
	return b->data == NULL ? NULL : b->data + b->end;
}

/* Moves the bytes to the front of the allocation, where they have room. */
static void
buffer_compact(struct buffer *b)
{
	size_t len = buffer_len(b);

	memcpy(b->data, b->data + b->start, len);
	buffer_wipe(b, b->start, b->end);
	b->start = 0;
	b->end = len;
}

int
buffer_reserve(struct buffer *b, size_t n)
{
	size_t len = buffer_len(b);
	size_t size = b->size < BUFFER_MIN ? BUFFER_MIN : b->size;
	uint8_t *data;

	if (b->size - b->end >= n)
		return 0;
	/* never move more than was consumed: the cost stays linear */
	if (b->start >= len && b->size - len >= n) {
		buffer_compact(b);
		return 0;
	}
	if (n > SIZE_MAX / 2 - len)
		return -1;
	if (len + n > size)
		size = len + n > size * 2 ? len + n : size * 2;
	data = malloc(size);
	if (data == NULL)
		return -1;
	if (len > 0)
		memcpy(data, b->data + b->start, len);
	buffer_clear(b);
	b->data = data;
	b->size = size;
	b->start = 0;
	b->end = len;
	return 0;
}

int
buffer_append(struct buffer *b, const void *bytes, size_t n)
{
	if (n == 0)
		return 0;
	if (buffer_reserve(b, n) == -1)
		return -1;
	memcpy(b->data + b->end, bytes, n);
	b->end += n;
	return 0;
}

int
buffer_write(void *b, const char *bytes, size_t n)
{
	return buffer_append(b, bytes, n);
}

void
buffer_consume(struct buffer *b, size_t n)
{
	buffer_wipe(b, b->start, b->start + n);
	b->start += n;
	if (b->start < b->end)
		return;
	b->start = b->end = 0;
	if (b->size > BUFFER_KEEP)
		buffer_clear(b);
}

void
buffer_truncate(struct buffer *b, size_t len)
{
	buffer_wipe(b, b->start + len, b->end);
	b->end = b->start + len;
}
