#include "worker/tasks/place.h"

#include <stdio.h>
#include <string.h>

#include "worker/call.h"
#include "worker/field.h"

#define PLACE_KEY 40 /* bytes of one key in a path */

void
place_path(const struct place *place, char *out, size_t size)
{
	char key[PLACE_KEY];
	size_t len;

	if (place->up == NULL) {
		snprintf(out, size, "%s", place->name);
		return;
	}
	place_path(place->up, out, size);
	len = strlen(out);
	if (place->key == NULL) {
		snprintf(out + len, size - len, "[%u]", place->index);
	} else if (place->key->type == MSGPACK_OBJECT_STR) {
		call_text(place->key, key, sizeof key);
		snprintf(out + len, size - len, ".%s", key);
	} else {
		field_given(place->key, key, sizeof key);
		snprintf(out + len, size - len, ".(%s)", key);
	}
}
