/* How an announcement is read. */
#include "server/announce.h"

#include <stdio.h>
#include <string.h>

#include "proto/reader.h"
#include "server/dispatcher.h"
#include "server/pool.h"
#include "server/program-types.h"
#include "server/route.h"

/* An announcement while it is read. */
struct announce {
	announce_cb take;
	void *to;
	char *why; /* what is wrong with it */
	size_t size;
};

struct route *
announce_type(struct pool *p, const struct program_type *said, char *why,
    size_t size)
{
	struct dispatcher *d = p->dispatcher;
	const struct task_type *type =
	    program_types_announce(p->config->name, said, why, size);
	struct route *r;

	if (type == NULL)
		return NULL;
	r = route_find(d->routes, type->name, strlen(type->name));
	if (r != NULL) {
		if (r->spares_files) /* no file says another limit */
			r->timeout_ms = type->timeout_ms;
		return r;
	}
	if (route_add_type(&d->routes, type, p) == 0)
		return route_find(d->routes, type->name, strlen(type->name));
	snprintf(why, size, "no memory for the type %s", type->name);
	return NULL;
}

static bool
announce_name(struct program_type *said, const struct item *value)
{
	said->name = value->bytes;
	said->name_len = (size_t)value->n;
	return reader_text(value);
}

static bool
announce_about(struct program_type *said, const struct item *value)
{
	said->about = value->bytes;
	said->about_len = (size_t)value->n;
	return reader_text(value);
}

static bool
announce_timeout(struct program_type *said, const struct item *value)
{
	said->timeout_ms = (uint32_t)value->n;
	return value->type == READER_UINT && value->n >= 1 &&
	       value->n <= LIMIT_TIME_MS_MAX;
}

static bool
announce_idempotent(struct program_type *said, const struct item *value)
{
	said->flags |= value->n != 0 ? TYPE_IDEMPOTENT : 0;
	return value->type == READER_BOOL;
}

static bool
announce_soft_cancel(struct program_type *said, const struct item *value)
{
	said->flags |= value->n != 0 ? TYPE_SOFT_CANCEL : 0;
	return value->type == READER_BOOL;
}

static bool
announce_progress(struct program_type *said, const struct item *value)
{
	said->flags |= value->n != 0 ? TYPE_PROGRESS : 0;
	return value->type == READER_BOOL;
}

/* What a type's map may say; other keys are for later versions. */
static const struct {
	const char *key;
	bool (*take)(struct program_type *said, const struct item *value);
	const char *takes;
} announce_keys[] = {
    {"name", announce_name, "a string"},
    {"about", announce_about, "a string"},
    {"timeout", announce_timeout, "an integer of milliseconds, 1 or more"},
    {"idempotent", announce_idempotent, "true or false"},
    {"softCancel", announce_soft_cancel, "true or false"},
    {"progress", announce_progress, "true or false"},
};

/* Takes one pair of a type's map. */
static bool
announce_take_pair(struct announce *a, struct program_type *said,
    struct reader *r)
{
	struct item key = reader_next(r), value;
	const uint8_t *at;
	struct reader one;
	size_t len = reader_skip(r, &at);

	reader_init(&one, at, len);
	value = reader_next(&one);
	if (value.type == READER_NIL)
		return true;
	for (size_t i = 0; i < sizeof announce_keys / sizeof *announce_keys;
	     i++) {
		if (!reader_is(&key, announce_keys[i].key) ||
		    announce_keys[i].take(said, &value))
			continue;
		snprintf(a->why, a->size, "%s of a type takes %s, not %s",
		    announce_keys[i].key, announce_keys[i].takes,
		    reader_type_name(value.type));
		return false;
	}
	return true;
}

/* Takes an element of `types`: a name, or a map. */
static bool
announce_take_element(struct announce *a, const uint8_t *at, size_t len)
{
	struct program_type said = {.name = NULL};
	struct reader r;
	struct item head;

	reader_init(&r, at, len);
	head = reader_next(&r);
	if (reader_text(&head)) {
		announce_name(&said, &head);
	} else if (head.type == READER_MAP) {
		for (uint64_t i = 0; i < head.n; i++) {
			if (!announce_take_pair(a, &said, &r))
				return false;
		}
	}
	if (said.name != NULL)
		return a->take(a->to, &said, a->why, a->size);
	snprintf(a->why, a->size,
	    "types takes names, or maps with a name, not %s",
	    reader_type_name(head.type));
	return false;
}

bool
announce_read(const uint8_t *at, size_t len, announce_cb take, void *to,
    char *why, size_t size)
{
	struct announce a = {.take = take, .to = to, .why = why, .size = size};
	struct reader r;
	struct item array;

	reader_init(&r, at, len);
	array = reader_next(&r);
	if (array.type == READER_NIL)
		return true;
	if (array.type != READER_ARRAY) {
		snprintf(why, size, "types takes an array, not %s",
		    reader_type_name(array.type));
		return false;
	}
	for (uint64_t i = 0; i < array.n; i++) {
		const uint8_t *one;
		size_t n = reader_skip(&r, &one);

		if (!announce_take_element(&a, one, n))
			return false;
	}
	return true;
}
