#include "worker/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_FIRST ((size_t)4096) /* bytes of the first buffer */

void
output_init(struct output *out, size_t max)
{
	memset(out, 0, sizeof *out);
	out->max = max;
}

void
output_clear(struct output *out)
{
	output_wipe(out);
	free(out->bytes);
	out->bytes = NULL;
	out->cap = 0;
}

void
output_wipe(struct output *out)
{
	if (out->secret && out->len > 0)
		explicit_bzero(out->bytes, out->len);
	out->len = 0;
	out->secret = false;
	out->failed = false;
	out->full = false;
}

/* Like realloc(), but nothing secret stays where the bytes were. */
static uint8_t *
output_move(struct output *out, size_t cap)
{
	uint8_t *bytes;

	if (!out->secret || out->bytes == NULL)
		return realloc(out->bytes, cap);
	bytes = malloc(cap);
	if (bytes == NULL)
		return NULL;
	memcpy(bytes, out->bytes, out->cap);
	explicit_bzero(out->bytes, out->cap);
	free(out->bytes);
	return bytes;
}

/* Makes the buffer hold need bytes, which is not over max. */
static int
output_grow(struct output *out, size_t need)
{
	size_t cap = out->cap > out->max / 2 ? out->max : out->cap * 2;
	uint8_t *bytes;

	if (cap < OUTPUT_FIRST)
		cap = OUTPUT_FIRST;
	if (cap < need)
		cap = need;
	bytes = output_move(out, cap);
	if (bytes == NULL)
		return -1;
	out->bytes = bytes;
	out->cap = cap;
	return 0;
}

uint8_t *
output_room(struct output *out, size_t len)
{
	if (len > out->max || out->len > out->max - len) {
		out->full = true;
		out->failed = true;
		errno = EMSGSIZE;
		return NULL;
	}
	if (out->cap - out->len < len && output_grow(out, out->len + len) < 0) {
		out->failed = true;
		return NULL;
	}
	return out->bytes + out->len;
}

int
output_write(void *output, const char *bytes, size_t len)
{
	struct output *out = output;
	uint8_t *room;

	if (len == 0)
		return 0;
	room = output_room(out, len);
	if (room == NULL)
		return -1;
	memcpy(room, bytes, len);
	out->len += len;
	return 0;
}
