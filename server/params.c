#include "server/params.h"

#include <stdio.h>
#include <string.h>

#define PARAMS_NAME 80 /* bytes of a key in an error */

/* Takes one pair. */
static bool
params_take(const struct item *key, const struct item *value,
    const struct params_key *keys, size_t n, void *to, struct fault *fault)
{
	char name[PARAMS_NAME];

	for (size_t i = 0; i < n; i++) {
		if (!reader_is(key, keys[i].key))
			continue;
		if (keys[i].take(to, value))
			return true;
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL, "%s takes %s",
		    keys[i].key, keys[i].takes);
		fault_add_text(fault, "field", keys[i].key);
		return false;
	}
	snprintf(name, sizeof name, "%.*s",
	    !reader_text(key)	       ? 0
	    : key->n < sizeof name - 1 ? (int)key->n
				       : (int)sizeof name - 1,
	    reader_text(key) ? key->bytes : "");
	fault_clean(name);
	fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
	    "unknown key \"%s\"; known are ", name);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(fault->message);

		snprintf(fault->message + len, sizeof fault->message - len,
		    "%s%s", i > 0 ? ", " : "", keys[i].key);
	}
	fault_add_text(fault, "field", name);
	return false;
}

bool
params_read(struct reader *r, const struct item *map,
    const struct params_key *keys, size_t n, void *to, struct fault *fault)
{
	if (map->type == READER_NIL)
		return true;
	if (map->type != READER_MAP) {
		fault_set(fault, CODE_INVALID_ARGUMENT, NULL,
		    "params takes a map, not %s", reader_type_name(map->type));
		fault_add_text(fault, "field", "params");
		return false;
	}
	for (uint64_t i = 0; i < map->n; i++) {
		const uint8_t *start;
		struct reader one;
		size_t len = reader_skip(r, &start);

		reader_init(&one, start, len);
		struct item key = reader_next(&one);
		len = reader_skip(r, &start);
		reader_init(&one, start, len);
		struct item value = reader_next(&one);
		if (!params_take(&key, &value, keys, n, to, fault))
			return false;
	}
	return true;
}
