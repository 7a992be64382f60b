#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "client/container.h"
#include "client/moro.h"
#include "proto/fdpass.h"
#include "proto/range.h"

struct moro_map {
	struct container c;
};

struct moro_map *
moro_map_new(void)
{
	struct moro_map *map = malloc(sizeof *map);

	if (map != NULL && container_init(&map->c, CONTAINER_MAP) == 0)
		return map;
	free(map);
	return NULL;
}

void
moro_map_free(struct moro_map *map)
{
	if (map == NULL)
		return;
	container_clear(&map->c);
	free(map);
}

/* Begins a pair; gives what packs the value, or NULL: there is no memory. */
static msgpack_packer *
map_name(struct moro_map *map, const char *name)
{
	msgpack_packer *pk = container_next(&map->c);

	container_text(&map->c, pk, name);
	return pk == NULL || map->c.broken ? NULL : pk;
}

void
moro_map_text(struct moro_map *map, const char *name, const char *text)
{
	if (map != NULL)
		container_text(&map->c, map_name(map, name), text);
}

void
moro_map_bytes(struct moro_map *map, const char *name, const void *bytes,
    size_t len)
{
	if (map != NULL)
		container_bytes(&map->c, map_name(map, name), bytes, len);
}

void
moro_map_number(struct moro_map *map, const char *name, int64_t number)
{
	if (map != NULL)
		container_number(&map->c, map_name(map, name), number);
}

void
moro_map_real(struct moro_map *map, const char *name, double number)
{
	if (map != NULL)
		container_real(&map->c, map_name(map, name), number);
}

void
moro_map_flag(struct moro_map *map, const char *name, int flag)
{
	if (map != NULL)
		container_flag(&map->c, map_name(map, name), flag);
}

void
moro_map_texts(struct moro_map *map, const char *name, const char *const *texts)
{
	msgpack_packer *pk = map != NULL ? map_name(map, name) : NULL;
	size_t n = 0;

	if (pk == NULL)
		return;
	while (texts[n] != NULL)
		n++;
	map->c.broken = msgpack_pack_array(pk, n) != 0;
	for (size_t i = 0; i < n && !map->c.broken; i++)
		container_text(&map->c, pk, texts[i]);
}

void
moro_map_value(struct moro_map *map, const char *name, const void *value,
    size_t len)
{
	if (map != NULL)
		container_value(&map->c, map_name(map, name), value, len);
}

void
moro_map_file(struct moro_map *map, const char *name, int index,
    uint64_t offset, uint64_t len)
{
	struct range range = {(uint8_t)index, offset, len};
	uint8_t body[RANGE_BODY];
	msgpack_packer *pk = map != NULL ? map_name(map, name) : NULL;

	if (pk == NULL)
		return;
	range_pack(body, &range);
	map->c.broken =
	    index < 0 || index >= FDPASS_MAX ||
	    msgpack_pack_ext_with_body(pk, body, sizeof body, RANGE_EXT) != 0;
}

void
moro_map_map(struct moro_map *map, const char *name,
    const struct moro_map *inner)
{
	moro_map_value(map, name, moro_map_data(inner), moro_map_size(inner));
}

void
moro_map_merge(struct moro_map *map, const struct moro_map *other)
{
	if (map != NULL && other != NULL)
		container_merge(&map->c, &other->c);
}

void
moro_map_list(struct moro_map *map, const char *name,
    const struct moro_list *inner)
{
	moro_map_value(map, name, moro_list_data(inner), moro_list_size(inner));
}

const void *
moro_map_data(const struct moro_map *map)
{
	return map != NULL ? container_data(&map->c) : NULL;
}

size_t
moro_map_size(const struct moro_map *map)
{
	return map != NULL ? container_size(&map->c) : 0;
}
