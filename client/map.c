#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "client/buffer.h"
#include "client/moro.h"
#include "proto/fdpass.h"
#include "proto/range.h"

/*
 * The pairs stand behind room for the longest header; a shorter header is
 * written against them, so that the bytes are in one piece whatever n is.
 */
#define MAP_HEAD 5
#define MAP_FIX 0x80 /* MessagePack: fixmap, map 16, map 32 */
#define MAP_FIX_MAX 15
#define MAP_16 0xde
#define MAP_32 0xdf

struct moro_map {
	struct buffer bytes; /* MAP_HEAD bytes, then the pairs */
	msgpack_packer pk;
	uint32_t n; /* pairs */
	size_t head; /* bytes of the header that are used */
	bool broken; /* memory ran out */
};

/* Writes the header that n takes. */
static void
map_head(struct moro_map *map)
{
	uint8_t *end = buffer_head(&map->bytes) + MAP_HEAD;

	if (map->n <= MAP_FIX_MAX) {
		map->head = 1;
		end[-1] = (uint8_t)(MAP_FIX | map->n);
		return;
	}
	map->head = map->n <= UINT16_MAX ? 3 : MAP_HEAD;
	for (size_t i = 1; i < map->head; i++)
		end[-(ptrdiff_t)i] = (uint8_t)(map->n >> (8 * (i - 1)));
	end[-(ptrdiff_t)map->head] = map->n <= UINT16_MAX ? MAP_16 : MAP_32;
}

struct moro_map *
moro_map_new(void)
{
	static const uint8_t head[MAP_HEAD];
	struct moro_map *map = calloc(1, sizeof *map);

	if (map == NULL)
		return NULL;
	msgpack_packer_init(&map->pk, &map->bytes, buffer_write);
	if (buffer_append(&map->bytes, head, sizeof head) == -1) {
		free(map);
		return NULL;
	}
	map_head(map);
	return map;
}

void
moro_map_free(struct moro_map *map)
{
	if (map == NULL)
		return;
	/* keys and secrets pass through here */
	explicit_bzero(map->bytes.data, map->bytes.size);
	buffer_clear(&map->bytes);
	free(map);
}

/* Begins a pair; gives what packs the value, or NULL: there is no memory. */
static msgpack_packer *
map_name(struct moro_map *map, const char *name)
{
	if (map == NULL || map->broken)
		return NULL;
	map->n++;
	map_head(map);
	map->broken =
	    msgpack_pack_str_with_body(&map->pk, name, strlen(name)) != 0;
	return map->broken ? NULL : &map->pk;
}

void
moro_map_text(struct moro_map *map, const char *name, const char *text)
{
	msgpack_packer *pk = map_name(map, name);

	if (pk != NULL)
		map->broken =
		    msgpack_pack_str_with_body(pk, text, strlen(text)) != 0;
}

void
moro_map_bytes(struct moro_map *map, const char *name, const void *bytes,
    size_t len)
{
	msgpack_packer *pk = map_name(map, name);

	if (pk != NULL)
		map->broken = len > UINT32_MAX ||
			      msgpack_pack_bin_with_body(pk, bytes, len) != 0;
}

void
moro_map_number(struct moro_map *map, const char *name, int64_t number)
{
	msgpack_packer *pk = map_name(map, name);

	if (pk != NULL)
		map->broken = msgpack_pack_int64(pk, number) != 0;
}

void
moro_map_real(struct moro_map *map, const char *name, double number)
{
	msgpack_packer *pk = map_name(map, name);

	if (pk != NULL)
		map->broken = msgpack_pack_double(pk, number) != 0;
}

void
moro_map_flag(struct moro_map *map, const char *name, int flag)
{
	msgpack_packer *pk = map_name(map, name);

	if (pk != NULL)
		map->broken = (flag ? msgpack_pack_true(pk)
				    : msgpack_pack_false(pk)) != 0;
}

void
moro_map_texts(struct moro_map *map, const char *name, const char *const *texts)
{
	msgpack_packer *pk = map_name(map, name);
	size_t n = 0;

	if (pk == NULL)
		return;
	while (texts[n] != NULL)
		n++;
	map->broken = msgpack_pack_array(pk, n) != 0;
	for (size_t i = 0; i < n && !map->broken; i++)
		map->broken = msgpack_pack_str_with_body(pk, texts[i],
				  strlen(texts[i])) != 0;
}

void
moro_map_value(struct moro_map *map, const char *name, const void *value,
    size_t len)
{
	if (map_name(map, name) != NULL)
		map->broken = value == NULL ||
			      buffer_append(&map->bytes, value, len) == -1;
}

void
moro_map_file(struct moro_map *map, const char *name, int index,
    uint64_t offset, uint64_t len)
{
	struct range range = {(uint8_t)index, offset, len};
	uint8_t body[RANGE_BODY];
	msgpack_packer *pk = map_name(map, name);

	if (pk == NULL)
		return;
	range_pack(body, &range);
	map->broken =
	    index < 0 || index >= FDPASS_MAX ||
	    msgpack_pack_ext_with_body(pk, body, sizeof body, RANGE_EXT) != 0;
}

void
moro_map_map(struct moro_map *map, const char *name,
    const struct moro_map *inner)
{
	moro_map_value(map, name, moro_map_data(inner), moro_map_size(inner));
}

const void *
moro_map_data(const struct moro_map *map)
{
	if (map == NULL || map->broken)
		return NULL;
	return buffer_head(&map->bytes) + MAP_HEAD - map->head;
}

size_t
moro_map_size(const struct moro_map *map)
{
	if (map == NULL || map->broken)
		return 0;
	return buffer_len(&map->bytes) - MAP_HEAD + map->head;
}
