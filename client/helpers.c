#include <string.h>

#include <msgpack.h>

#include "client/call.h"
#include "client/choices.h"
#include "client/failure.h"
#include "client/moro.h"
#include "client/reply.h"

/*
 * Calls a type with a map for data, and frees the map. NULL, like every reply
 * for which there is no memory, when the map could not be made.
 */
static struct moro_reply *
helper_call(struct moro *m, const char *type, struct moro_map *map,
    const struct moro_options *options)
{
	const void *data = moro_map_data(map);
	struct moro_reply *reply = NULL;

	if (data != NULL)
		reply = moro_call(m, type, data, moro_map_size(map), options);
	moro_map_free(map);
	return reply;
}

/* Puts in a text that may be left out. */
static void
helper_text(struct moro_map *map, const char *name, const char *text)
{
	if (text != NULL)
		moro_map_text(map, name, text);
}

/* Puts in text as a string, or len bytes as bytes. */
static void
helper_bytes(struct moro_map *map, const char *name, const void *bytes,
    size_t len)
{
	if (len == MORO_TEXT)
		moro_map_text(map, name, bytes);
	else
		moro_map_bytes(map, name, bytes, len);
}

/* The answer to a call whose options are refused before it is sent. */
static struct moro_reply *
helper_refuse(const char *option, const char *takes)
{
	struct failure f;

	failure_set(&f, MORO_INVALID_OPTION, "option %s takes %s", option,
	    takes);
	fault_add_text(&f.fault, "option", option);
	return reply_failed(&f);
}

struct moro_reply *
moro_execute_task(struct moro *m, const char *id, const char *type,
    const void *data, size_t len, enum moro_priority priority,
    uint64_t timeout_ms)
{
	struct moro_options *o = moro_options_new();
	struct moro_reply *reply;

	if (o == NULL)
		return NULL;
	if (id != NULL && moro_options_set_id(o, id) == -1)
		reply = helper_refuse("id", "a string of 1 to 256 bytes");
	else if (moro_options_set_priority(o, priority) == -1)
		reply = helper_refuse("priority",
		    "\"high\", \"normal\" or \"low\"");
	else if (moro_options_set_timeout(o, timeout_ms) == -1)
		reply = helper_refuse("timeout",
		    "whole milliseconds from 1 to 2^32 - 1");
	else
		reply = moro_call(m, type, data, len, o);
	moro_options_free(o);
	return reply;
}

struct moro_reply *
moro_call_batch(struct moro *m, const char *type, const struct moro_list *list,
    const struct moro_options *options)
{
	struct moro_options *o = choices_copy(options);
	const void *data = moro_list_data(list);
	struct moro_reply *reply = NULL;

	if (o != NULL && data != NULL) {
		moro_options_set_batch(o, 1);
		reply = moro_call(m, type, data, moro_list_size(list), o);
	}
	moro_options_free(o);
	return reply;
}

struct moro_reply *
moro_hash_data(struct moro *m, const void *input, size_t len,
    const char *algorithm, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "input", input, len);
	helper_text(map, "algorithm", algorithm);
	return helper_call(m, "crypto:hash", map, options);
}

struct moro_reply *
moro_encrypt_data(struct moro *m, const void *data, size_t len, const void *key,
    size_t key_len, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "data", data, len);
	helper_bytes(map, "key", key, key_len);
	return helper_call(m, "crypto:encrypt", map, options);
}

struct moro_reply *
moro_decrypt_data(struct moro *m, const void *data, size_t len, const void *key,
    size_t key_len, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "data", data, len);
	helper_bytes(map, "key", key, key_len);
	return helper_call(m, "crypto:decrypt", map, options);
}

struct moro_reply *
moro_sign_jwt(struct moro *m, const void *payload, size_t payload_len,
    const void *secret, size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_value(map, "payload", payload, payload_len);
	helper_bytes(map, "secret", secret, secret_len);
	if (jwt != NULL)
		moro_map_map(map, "options", jwt);
	return helper_call(m, "jwt:sign", map, options);
}

struct moro_reply *
moro_verify_jwt(struct moro *m, const char *token, const void *secret,
    size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_text(map, "token", token);
	helper_bytes(map, "secret", secret, secret_len);
	if (jwt != NULL)
		moro_map_map(map, "options", jwt);
	return helper_call(m, "jwt:verify", map, options);
}

struct moro_reply *
moro_compress_data(struct moro *m, const void *input, size_t len,
    const char *format, int32_t level, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "input", input, len);
	helper_text(map, "format", format);
	if (level != MORO_LEVEL_DEFAULT)
		moro_map_number(map, "level", level);
	return helper_call(m, "data:compress", map, options);
}

struct moro_reply *
moro_decompress_data(struct moro *m, const void *input, size_t len,
    const char *format, uint64_t max_output, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "input", input, len);
	helper_text(map, "format", format);
	if (max_output != 0)
		moro_map_number(map, "maxOutput",
		    max_output > INT64_MAX ? INT64_MAX : (int64_t)max_output);
	return helper_call(m, "data:decompress", map, options);
}

struct moro_reply *
moro_ping(struct moro *m)
{
	return moro_call(m, "ping", NULL, 0, NULL);
}

struct moro_reply *
moro_stats(struct moro *m)
{
	return moro_call(m, "stats", NULL, 0, NULL);
}

struct moro_reply *
moro_types(struct moro *m, const char *name)
{
	struct msgpack_object object;

	if (name == NULL)
		return moro_call(m, "types", NULL, 0, NULL);
	object.type = MSGPACK_OBJECT_STR;
	object.via.str.ptr = name;
	object.via.str.size = (uint32_t)strlen(name);
	return moro_call_object(m, "types", &object, NULL);
}

struct moro_reply *
moro_shutdown(struct moro *m)
{
	return moro_call(m, "shutdown", NULL, 0, NULL);
}
