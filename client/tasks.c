/* Helpers of libmoro for the built-in tasks: data of their arguments. */

#include <string.h>

#include "client/moro.h"

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

struct moro_reply *
moro_hash_data(struct moro *m, const void *input, size_t len,
    const char *algorithm, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "input", input, len);
	helper_text(map, "algorithm", algorithm);
	return helper_call(m, "crypto:hash", map, options);
}

/* Encrypts or decrypts. */
static struct moro_reply *
helper_cipher(struct moro *m, const char *type, const void *data, size_t len,
    const void *key, size_t key_len, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "data", data, len);
	helper_bytes(map, "key", key, key_len);
	return helper_call(m, type, map, options);
}

struct moro_reply *
moro_encrypt_data(struct moro *m, const void *data, size_t len, const void *key,
    size_t key_len, const struct moro_options *options)
{
	return helper_cipher(m, "crypto:encrypt", data, len, key, key_len,
	    options);
}

struct moro_reply *
moro_decrypt_data(struct moro *m, const void *data, size_t len, const void *key,
    size_t key_len, const struct moro_options *options)
{
	return helper_cipher(m, "crypto:decrypt", data, len, key, key_len,
	    options);
}

/* Signs or verifies what is in the map, which is freed. */
static struct moro_reply *
helper_jwt(struct moro *m, const char *type, struct moro_map *map,
    const void *secret, size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options)
{
	helper_bytes(map, "secret", secret, secret_len);
	if (jwt != NULL)
		moro_map_map(map, "options", jwt);
	return helper_call(m, type, map, options);
}

struct moro_reply *
moro_sign_jwt(struct moro *m, const void *payload, size_t payload_len,
    const void *secret, size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_value(map, "payload", payload, payload_len);
	return helper_jwt(m, "jwt:sign", map, secret, secret_len, jwt, options);
}

struct moro_reply *
moro_verify_jwt(struct moro *m, const char *token, const void *secret,
    size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_text(map, "token", token);
	return helper_jwt(m, "jwt:verify", map, secret, secret_len, jwt,
	    options);
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
moro_hash_password(struct moro *m, const void *password, size_t len,
    const struct moro_map *cost, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "password", password, len);
	moro_map_merge(map, cost);
	return helper_call(m, "password:hash", map, options);
}

struct moro_reply *
moro_verify_password(struct moro *m, const void *password, size_t len,
    const char *hash, const struct moro_map *cost,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_bytes(map, "password", password, len);
	moro_map_text(map, "hash", hash);
	moro_map_merge(map, cost);
	return helper_call(m, "password:verify", map, options);
}

struct moro_reply *
moro_random_bytes(struct moro *m, size_t len,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "length",
	    len > INT64_MAX ? INT64_MAX : (int64_t)len);
	moro_map_text(map, "encoding", "bin");
	return helper_call(m, "crypto:random", map, options);
}

struct moro_reply *
moro_generate_key(struct moro *m, const char *type,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	helper_text(map, "type", type);
	return helper_call(m, "crypto:keygen", map, options);
}

struct moro_reply *
moro_transform_json(struct moro *m, const void *data, size_t len,
    const char *filter, int each, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_value(map, "data", data, len);
	moro_map_text(map, "filter", filter);
	if (each)
		moro_map_flag(map, "each", 1);
	return helper_call(m, "json:transform", map, options);
}

struct moro_reply *
moro_heavy_computation(struct moro *m, const char *operation,
    const struct moro_map *params, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_text(map, "operation", operation);
	if (params != NULL)
		moro_map_map(map, "params", params);
	return helper_call(m, "heavy:computation", map, options);
}

struct moro_reply *
moro_process_analytics(struct moro *m, const struct moro_list *events,
    const struct moro_map *how, const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_list(map, "events", events);
	moro_map_merge(map, how);
	return helper_call(m, "analytics:process", map, options);
}

struct moro_reply *
moro_merge_analytics(struct moro *m, const struct moro_list *partials,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_list(map, "merge", partials);
	return helper_call(m, "analytics:process", map, options);
}

/* Puts in a number of pixels; 0: it follows from others. */
static void
helper_pixels(struct moro_map *map, const char *name, uint32_t pixels)
{
	if (pixels != 0)
		moro_map_number(map, name, pixels);
}

struct moro_reply *
moro_resize_image(struct moro *m, const void *image, size_t len, uint32_t width,
    uint32_t height, const struct moro_map *how,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_bytes(map, "image", image, len);
	helper_pixels(map, "width", width);
	helper_pixels(map, "height", height);
	moro_map_merge(map, how);
	return helper_call(m, "image:resize", map, options);
}

struct moro_reply *
moro_thumbnail_image(struct moro *m, const void *image, size_t len,
    uint32_t size, const struct moro_map *how,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_bytes(map, "image", image, len);
	helper_pixels(map, "size", size);
	moro_map_merge(map, how);
	return helper_call(m, "image:thumbnail", map, options);
}

struct moro_reply *
moro_image_info(struct moro *m, const void *image, size_t len,
    const struct moro_options *options)
{
	struct moro_map *map = moro_map_new();

	moro_map_bytes(map, "image", image, len);
	return helper_call(m, "image:info", map, options);
}
