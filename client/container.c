#include "client/container.h"

#include <string.h>

#define CONTAINER_HEAD 5 /* bytes of the longest header */
#define CONTAINER_FIX_MAX 15 /* what the shortest one counts */

/* The first bytes of the three headers of each kind. */
static const struct {
	uint8_t fix, of_16, of_32;
} container_heads[] = {
    [CONTAINER_MAP] = {0x80, 0xde, 0xdf},
    [CONTAINER_ARRAY] = {0x90, 0xdc, 0xdd},
};

/* Writes the header that n takes. */
static void
container_write_head(struct container *c)
{
	uint8_t *end = buffer_head(&c->bytes) + CONTAINER_HEAD;

	if (c->n <= CONTAINER_FIX_MAX) {
		c->head = 1;
		end[-1] = (uint8_t)(container_heads[c->kind].fix | c->n);
		return;
	}
	c->head = c->n <= UINT16_MAX ? 3 : CONTAINER_HEAD;
	for (size_t i = 1; i < c->head; i++)
		end[-(ptrdiff_t)i] = (uint8_t)(c->n >> (8 * (i - 1)));
	end[-(ptrdiff_t)c->head] = c->n <= UINT16_MAX
				       ? container_heads[c->kind].of_16
				       : container_heads[c->kind].of_32;
}

int
container_init(struct container *c, enum container_kind kind)
{
	static const uint8_t head[CONTAINER_HEAD];

	memset(c, 0, sizeof *c);
	c->kind = kind;
	msgpack_packer_init(&c->pk, &c->bytes, buffer_write);
	if (buffer_append(&c->bytes, head, sizeof head) == -1)
		return -1;
	container_write_head(c);
	return 0;
}

void
container_clear(struct container *c)
{
	buffer_clear(&c->bytes);
}

msgpack_packer *
container_next(struct container *c)
{
	if (c->broken)
		return NULL;
	c->n++;
	container_write_head(c);
	return &c->pk;
}

void
container_text(struct container *c, msgpack_packer *pk, const char *text)
{
	if (pk == NULL)
		return;
	/* what a program has not got, the server refuses by its name */
	if (text == NULL)
		c->broken = msgpack_pack_nil(pk) != 0;
	else
		c->broken =
		    msgpack_pack_str_with_body(pk, text, strlen(text)) != 0;
}

void
container_bytes(struct container *c, msgpack_packer *pk, const void *bytes,
    size_t len)
{
	if (pk != NULL)
		c->broken = len > UINT32_MAX ||
			    msgpack_pack_bin_with_body(pk, bytes, len) != 0;
}

void
container_number(struct container *c, msgpack_packer *pk, int64_t number)
{
	if (pk != NULL)
		c->broken = msgpack_pack_int64(pk, number) != 0;
}

void
container_real(struct container *c, msgpack_packer *pk, double number)
{
	if (pk != NULL)
		c->broken = msgpack_pack_double(pk, number) != 0;
}

void
container_flag(struct container *c, msgpack_packer *pk, int flag)
{
	if (pk != NULL)
		c->broken = (flag ? msgpack_pack_true(pk)
				  : msgpack_pack_false(pk)) != 0;
}

void
container_value(struct container *c, msgpack_packer *pk, const void *value,
    size_t len)
{
	if (pk != NULL)
		c->broken =
		    value == NULL || buffer_append(&c->bytes, value, len) == -1;
}

void
container_merge(struct container *c, const struct container *other)
{
	if (c->broken)
		return;
	c->broken = other->broken ||
		    buffer_append(&c->bytes,
			buffer_head(&other->bytes) + CONTAINER_HEAD,
			buffer_len(&other->bytes) - CONTAINER_HEAD) == -1;
	c->n += other->n;
	container_write_head(c);
}

const void *
container_data(const struct container *c)
{
	if (c->broken)
		return NULL;
	return buffer_head(&c->bytes) + CONTAINER_HEAD - c->head;
}

size_t
container_size(const struct container *c)
{
	if (c->broken)
		return 0;
	return buffer_len(&c->bytes) - CONTAINER_HEAD + c->head;
}
