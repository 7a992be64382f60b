#include <stdlib.h>

#include "client/container.h"
#include "client/moro.h"

struct moro_list {
	struct container c;
};

struct moro_list *
moro_list_new(void)
{
	struct moro_list *list = malloc(sizeof *list);

	if (list != NULL && container_init(&list->c, CONTAINER_ARRAY) == 0)
		return list;
	free(list);
	return NULL;
}

void
moro_list_free(struct moro_list *list)
{
	if (list == NULL)
		return;
	container_clear(&list->c);
	free(list);
}

void
moro_list_text(struct moro_list *list, const char *text)
{
	if (list != NULL)
		container_text(&list->c, container_next(&list->c), text);
}

void
moro_list_bytes(struct moro_list *list, const void *bytes, size_t len)
{
	if (list != NULL)
		container_bytes(&list->c, container_next(&list->c), bytes, len);
}

void
moro_list_number(struct moro_list *list, int64_t number)
{
	if (list != NULL)
		container_number(&list->c, container_next(&list->c), number);
}

void
moro_list_real(struct moro_list *list, double number)
{
	if (list != NULL)
		container_real(&list->c, container_next(&list->c), number);
}

void
moro_list_value(struct moro_list *list, const void *value, size_t len)
{
	if (list != NULL)
		container_value(&list->c, container_next(&list->c), value, len);
}

void
moro_list_map(struct moro_list *list, const struct moro_map *map)
{
	moro_list_value(list, moro_map_data(map), moro_map_size(map));
}

const void *
moro_list_data(const struct moro_list *list)
{
	return list != NULL ? container_data(&list->c) : NULL;
}

size_t
moro_list_size(const struct moro_list *list)
{
	return list != NULL ? container_size(&list->c) : 0;
}
