#include <stdio.h>
#include <string.h>

#include <msgpack.h>

#include "client/moro.h"

#define ADMIN_RANGE 24 /* bytes of "MIN:MAX", two numbers of 32 bits */

/* Calls a method without arguments. */
static struct moro_reply *
admin_call(struct moro *m, const char *method)
{
	return moro_call(m, method, NULL, 0, NULL);
}

/* Calls a method with a text, or with nothing when it is NULL. */
static struct moro_reply *
admin_call_text(struct moro *m, const char *method, const char *text)
{
	struct msgpack_object object;

	if (text == NULL)
		return admin_call(m, method);
	object.type = MSGPACK_OBJECT_STR;
	object.via.str.ptr = text;
	object.via.str.size = (uint32_t)strlen(text);
	return moro_call_object(m, method, &object, NULL);
}

/* Calls a method with a number. */
static struct moro_reply *
admin_call_number(struct moro *m, const char *method, uint64_t number)
{
	struct msgpack_object object = {
	    .type = MSGPACK_OBJECT_POSITIVE_INTEGER};

	object.via.u64 = number;
	return moro_call_object(m, method, &object, NULL);
}

/* Calls a method with a map; NULL, no memory, when it could not be made. */
static struct moro_reply *
admin_call_map(struct moro *m, const char *method, const struct moro_map *map)
{
	const void *data = moro_map_data(map);

	if (data == NULL)
		return NULL;
	return moro_call(m, method, data, moro_map_size(map), NULL);
}

struct moro_reply *
moro_shutdown_now(struct moro *m)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;

	moro_map_flag(map, "now", 1);
	reply = admin_call_map(m, "shutdown", map);
	moro_map_free(map);
	return reply;
}

struct moro_reply *
moro_drain(struct moro *m)
{
	return admin_call(m, "drain");
}

struct moro_reply *
moro_pause(struct moro *m, const char *type)
{
	return admin_call_text(m, "pause", type);
}

struct moro_reply *
moro_resume(struct moro *m, const char *type)
{
	return admin_call_text(m, "resume", type);
}

struct moro_reply *
moro_scale(struct moro *m, const char *pool, uint32_t min, uint32_t max)
{
	char range[ADMIN_RANGE];
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;

	if (pool != NULL)
		moro_map_text(map, "pool", pool);
	snprintf(range, sizeof range, "%u:%u", min, max);
	if (min == max)
		moro_map_number(map, "workers", min);
	else
		moro_map_text(map, "workers", range);
	reply = admin_call_map(m, "scale", map);
	moro_map_free(map);
	return reply;
}

struct moro_reply *
moro_reload(struct moro *m)
{
	return admin_call(m, "reload");
}

struct moro_reply *
moro_log_level(struct moro *m, const char *level)
{
	return admin_call_text(m, "log", level);
}

struct moro_reply *
moro_list(struct moro *m, const struct moro_map *filter)
{
	return filter == NULL ? admin_call(m, "ls")
			      : admin_call_map(m, "ls", filter);
}

struct moro_reply *
moro_slow(struct moro *m, uint32_t n)
{
	return n == 0 ? admin_call(m, "slow") : admin_call_number(m, "slow", n);
}

struct moro_reply *
moro_poison(struct moro *m)
{
	return admin_call(m, "poison");
}

struct moro_reply *
moro_keys(struct moro *m)
{
	return admin_call(m, "keys");
}

struct moro_reply *
moro_clients(struct moro *m)
{
	return admin_call(m, "clients");
}
