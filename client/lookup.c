#include "client/lookup.h"

struct item
lookup_item(struct value v)
{
	struct item none = {.type = READER_END};
	struct reader r;

	if (v.at == NULL)
		return none;
	reader_init(&r, v.at, v.len);
	return reader_next(&r);
}

struct value
lookup_field(struct value v, const char *name)
{
	struct value none = {NULL, 0}, key, found;
	struct item map, item;
	struct reader r;

	if (v.at == NULL)
		return none;
	reader_init(&r, v.at, v.len);
	map = reader_next(&r);
	if (map.type != READER_MAP)
		return none;
	for (uint64_t i = 0; i < map.n; i++) {
		key.len = reader_skip(&r, &key.at);
		found.len = reader_skip(&r, &found.at);
		item = lookup_item(key);
		if (reader_is(&item, name))
			return found;
	}
	return none;
}

int64_t
lookup_negative(struct value v)
{
	uint64_t n = UINT64_MAX; /* all sign bits */

	if (v.len == 1)
		return (int8_t)v.at[0];
	for (size_t i = 1; i < v.len; i++)
		n = n << 8 | v.at[i];
	return (int64_t)n;
}
