#include "tools/bench-events.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <msgpack.h>

#include "proto/number.h"
#include "tools/bench-cleanup.h"
#include "tools/bench-spawn.h"
#include "tools/bench-text.h"

#define EVENTS_COUNT_LEN 5 /* bytes of the count of a long array */

void
events_json(struct events *e, size_t len)
{
	uint64_t state = 0;
	char *end;

	e->bytes = spawn_alloc(len + 1);
	text_fill(e->bytes + 1, len - 1, &state);
	/* lines become elements; the last one is cut short */
	end = strrchr(e->bytes + 1, '\n');
	e->bytes[0] = '[';
	*end = ']';
	e->len = (size_t)(end - e->bytes) + 1;
	for (char *at = e->bytes; at < end; at++) {
		if (*at == '\n')
			*at = ',';
	}
	end[1] = '\0';
}

/* Packs a value of the few kinds that there are. */
static void
events_pack(msgpack_packer *pk, json_t *value)
{
	const char *key;
	json_t *one;
	size_t i;

	if (json_is_object(value)) {
		msgpack_pack_map(pk, json_object_size(value));
		json_object_foreach(value, key, one)
		{
			msgpack_pack_str_with_body(pk, key, strlen(key));
			events_pack(pk, one);
		}
	} else if (json_is_array(value)) {
		msgpack_pack_array(pk, json_array_size(value));
		json_array_foreach(value, i, one) events_pack(pk, one);
	} else if (json_is_integer(value)) {
		msgpack_pack_int64(pk, json_integer_value(value));
	} else {
		msgpack_pack_str_with_body(pk, json_string_value(value),
		    json_string_length(value));
	}
}

/* Packs events until they have len bytes; gives how many they are. */
static uint32_t
events_pack_some(msgpack_sbuffer *buf, json_t *all, size_t len)
{
	msgpack_packer pk;
	uint32_t n = 0;

	msgpack_packer_init(&pk, buf, msgpack_sbuffer_write);
	while (n < json_array_size(all)) {
		size_t before = buf->size;

		events_pack(&pk, json_array_get(all, n));
		if (buf->size > len) {
			buf->size = before;
			break;
		}
		n++;
	}
	return n;
}

void
events_packed(struct events *e, size_t len)
{
	struct events text;
	json_t *all;
	msgpack_sbuffer buf;
	uint32_t n;

	events_json(&text, 2 * len); /* MessagePack is shorter */
	all = json_loads(text.bytes, 0, NULL);
	if (all == NULL)
		cleanup_die("cannot parse the events");
	msgpack_sbuffer_init(&buf);
	n = events_pack_some(&buf, all, len - EVENTS_COUNT_LEN);
	e->len = EVENTS_COUNT_LEN + buf.size;
	e->head = EVENTS_COUNT_LEN;
	e->bytes = spawn_alloc(e->len);
	e->bytes[0] = (char)0xdd; /* array 32 */
	number_put((uint8_t *)e->bytes + 1, 4, n);
	memcpy(e->bytes + EVENTS_COUNT_LEN, buf.data, buf.size);
	msgpack_sbuffer_destroy(&buf);
	json_decref(all);
	events_clear(&text);
}

void
events_clear(struct events *e)
{
	free(e->bytes);
	e->bytes = NULL;
}
