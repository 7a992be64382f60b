#include "worker/tasks/analytics-path.h"

#include <string.h>

bool
analytics_path_read(struct analytics_path *p, const char *text, size_t len)
{
	const char *end, *point;

	if (len == 0 || len > ANALYTICS_TEXT_MAX)
		return false; /* a text of no bytes may stand nowhere */
	end = text + len;
	p->text = text;
	p->len = (uint32_t)len;
	for (p->n = 0; p->n < ANALYTICS_PATH_PARTS; text = point + 1) {
		point = memchr(text, '.', (size_t)(end - text));
		p->parts[p->n].name = text;
		p->parts[p->n].len =
		    (uint32_t)((point != NULL ? point : end) - text);
		if (p->parts[p->n++].len == 0)
			return false;
		if (point == NULL)
			return true;
	}
	return false;
}

/* The value of a name in a map, or NULL. Names may be bytes, too. */
static const msgpack_object *
path_step(const msgpack_object *map, const char *name, uint32_t len)
{
	const msgpack_object_kv *kv = map->via.map.ptr;
	const msgpack_object_kv *end = kv + map->via.map.size;

	for (; kv < end; kv++) {
		if (kv->key.type == MSGPACK_OBJECT_STR) {
			if (kv->key.via.str.size == len &&
			    memcmp(kv->key.via.str.ptr, name, len) == 0)
				return &kv->val;
		} else if (kv->key.type == MSGPACK_OBJECT_BIN) {
			if (kv->key.via.bin.size == len &&
			    memcmp(kv->key.via.bin.ptr, name, len) == 0)
				return &kv->val;
		}
	}
	return NULL;
}

const msgpack_object *
analytics_path_find(const struct analytics_path *p, const msgpack_object *event)
{
	const msgpack_object *value = event;

	for (uint32_t i = 0; i < p->n; i++) {
		if (value == NULL || value->type != MSGPACK_OBJECT_MAP)
			return NULL;
		value = path_step(value, p->parts[i].name, p->parts[i].len);
	}
	return value != NULL && value->type != MSGPACK_OBJECT_NIL ? value
								  : NULL;
}
