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
output_lend(struct output *out, uint8_t *bytes, size_t cap)
{
	out->lent = bytes;
	out->lent_cap = cap;
	output_wipe(out);
}

void
output_clear(struct output *out)
{
	output_wipe(out);
	output_rest(out);
}

void
output_wipe(struct output *out)
{
	if (out->secret && out->used > 0)
		explicit_bzero(out->bytes, out->used);
	/* What moved away left its beginning behind. */
	if (out->secret && out->lent != NULL && !output_is_lent(out))
		explicit_bzero(out->lent,
		    out->used < out->lent_cap ? out->used : out->lent_cap);
	out->len = out->used = 0;
	out->secret = false;
	out->failed = false;
	out->full = false;
	out->bytes = out->lent != NULL ? out->lent : out->own;
	out->cap = out->lent != NULL ? out->lent_cap : out->own_cap;
}

void
output_rest(struct output *out)
{
	free(out->own);
	if (out->bytes == out->own) {
		out->bytes = NULL;
		out->cap = 0;
	}
	out->own = NULL;
	out->own_cap = 0;
}

/* Makes the own buffer hold cap bytes, and moves what is there into it. */
static int
output_move(struct output *out, size_t cap)
{
	bool within = out->bytes == out->own;
	uint8_t *bytes;

	if (within && !out->secret) {
		bytes = realloc(out->own, cap);
		if (bytes == NULL)
			return -1;
	} else if (!within && cap <= out->own_cap) {
		bytes = out->own;
		cap = out->own_cap;
		memcpy(bytes, out->bytes, out->used);
	} else {
		/* Like realloc(), but nothing secret stays behind. */
		bytes = malloc(cap);
		if (bytes == NULL)
			return -1;
		if (out->used > 0)
			memcpy(bytes, out->bytes, out->used);
		if (within && out->secret && out->own != NULL)
			explicit_bzero(out->own, out->own_cap);
		free(out->own);
	}
	out->own = out->bytes = bytes;
	out->own_cap = out->cap = cap;
	return 0;
}

/* Makes the buffer hold need bytes, which is not over max. */
static int
output_grow(struct output *out, size_t need)
{
	size_t cap = out->cap > out->max / 2 ? out->max : out->cap * 2;

	if (cap < OUTPUT_FIRST)
		cap = OUTPUT_FIRST;
	if (cap < need)
		cap = need;
	return output_move(out, cap);
}

uint8_t *
output_room_new(struct output *out, size_t len)
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
	if (out->used < out->len + len)
		out->used = out->len + len;
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
