#include "worker/tasks/value.h"

#include <math.h>
#include <string.h>

#include "worker/field.h"
#include "worker/tasks/place.h"

/* One conversion. */
struct conversion {
	struct call *call;
	unsigned int depth; /* containers open */
	unsigned int count; /* values begun */
};

static json_t *value_convert(struct conversion *c, const msgpack_object *value,
    const struct place *place);

/* Refuses the value at a place: "PATH is WHAT"; always NULL. */
static json_t *
value_refuse(struct conversion *c, const struct place *place, const char *what)
{
	char path[PLACE_PATH];

	place_path(place, path, sizeof path);
	call_invalid(c->call, path, "%s %s", path, what);
	return NULL;
}

static json_t *
value_string(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	const char *text = value->via.str.ptr;
	size_t len = value->via.str.size;
	json_t *json;

	if (len == 0)
		return json_string("");
	if (memchr(text, '\0', len) != NULL)
		return value_refuse(c, place,
		    "takes a string without NUL: not every reader of "
		    "tokens takes one");
	json = json_stringn(text, len);
	if (json == NULL)
		return value_refuse(c, place, "takes a string of valid UTF-8");
	return json;
}

static json_t *
value_integer(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	if (field_kind(value) != FIELD_INT)
		return value_refuse(c, place,
		    "takes an integer below 2^63, not a larger one");
	return json_integer(value->via.i64);
}

static json_t *
value_float(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	if (!isfinite(value->via.f64))
		return value_refuse(c, place,
		    "takes a finite number: JSON has no other");
	return json_real(value->via.f64);
}

static json_t *
value_array(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < value->via.array.size; i++) {
		struct place at = {.up = place, .index = i};
		json_t *one = value_convert(c, &value->via.array.ptr[i], &at);

		if (one == NULL || json_array_append_new(array, one) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* Adds one pair to an object; -1 with the error set. */
static int
value_pair(struct conversion *c, json_t *object, const msgpack_object_kv *kv,
    const struct place *place)
{
	const struct place at = {.up = place, .key = &kv->key};
	const msgpack_object *key = &kv->key;
	json_t *name, *one;
	int rc = -1;

	if (key->type != MSGPACK_OBJECT_STR) {
		value_refuse(c, &at, "has a key that is no string");
		return -1;
	}
	name = value_string(c, key, &at);
	if (name == NULL)
		return -1;
	if (json_object_get(object, json_string_value(name)) != NULL) {
		value_refuse(c, &at, "is given twice");
	} else {
		one = value_convert(c, &kv->val, &at);
		if (one != NULL)
			rc = json_object_set_new(object,
			    json_string_value(name), one);
	}
	json_decref(name);
	return rc;
}

static json_t *
value_object(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < value->via.map.size; i++) {
		if (value_pair(c, object, &value->via.map.ptr[i], place) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* Converts a container, one level deeper. */
static json_t *
value_container(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	json_t *json;

	if (c->depth == VALUE_DEPTH_MAX)
		return value_refuse(c, place, "is nested too deep");
	c->depth++;
	json = value->type == MSGPACK_OBJECT_MAP ? value_object(c, value, place)
						 : value_array(c, value, place);
	c->depth--;
	return json;
}

/* Converts a value; recursion ends at VALUE_DEPTH_MAX. */
static json_t *
value_convert(struct conversion *c, const msgpack_object *value,
    const struct place *place)
{
	if (++c->count > VALUE_COUNT_MAX)
		return value_refuse(c, place, "is one value too many");
	switch (value->type) {
	case MSGPACK_OBJECT_NIL:
		return json_null();
	case MSGPACK_OBJECT_BOOLEAN:
		return json_boolean(value->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return value_integer(c, value, place);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return value_float(c, value, place);
	case MSGPACK_OBJECT_STR:
		return value_string(c, value, place);
	case MSGPACK_OBJECT_ARRAY:
	case MSGPACK_OBJECT_MAP:
		return value_container(c, value, place);
	default:
		return value_refuse(c, place,
		    "takes what JSON can say, not bytes");
	}
}

json_t *
value_to_json(struct call *call, const char *name, const msgpack_object *value)
{
	struct conversion c = {.call = call};
	const struct place root = {.up = NULL, .name = name};

	/* stays where memory, and not the value, is at fault */
	call_no_memory(call);
	return value_convert(&c, value, &root);
}

/* Counts values; false once there are too many or too deep ones. */
static bool
value_count(const json_t *json, unsigned int depth, unsigned int *count)
{
	json_t *object = (json_t *)json; /* iterating does not change it */

	if (++*count > VALUE_COUNT_MAX)
		return false;
	if (!json_is_object(json) && !json_is_array(json))
		return true;
	if (depth == VALUE_DEPTH_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(json); i++) {
		if (!value_count(json_array_get(json, i), depth + 1, count))
			return false;
	}
	for (void *it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		if (!value_count(json_object_iter_value(it), depth + 1, count))
			return false;
	}
	return true;
}

bool
value_fits(const json_t *json)
{
	unsigned int count = 0;

	return value_count(json, 0, &count);
}

static void
value_pack_object(const json_t *json, msgpack_packer *pk)
{
	json_t *object = (json_t *)json; /* iterating does not change it */
	const char *key;

	msgpack_pack_map(pk, json_object_size(json));
	for (void *it = json_object_iter(object); it != NULL;
	     it = json_object_iter_next(object, it)) {
		key = json_object_iter_key(it);
		msgpack_pack_str_with_body(pk, key, strlen(key));
		value_pack(json_object_iter_value(it), pk);
	}
}

static void
value_pack_array(const json_t *json, msgpack_packer *pk)
{
	size_t n = json_array_size(json);

	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < n; i++)
		value_pack(json_array_get(json, i), pk);
}

void
value_pack(const json_t *json, msgpack_packer *pk)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		value_pack_object(json, pk);
		break;
	case JSON_ARRAY:
		value_pack_array(json, pk);
		break;
	case JSON_STRING:
		msgpack_pack_str_with_body(pk, json_string_value(json),
		    json_string_length(json));
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(pk, json_integer_value(json));
		break;
	case JSON_REAL:
		msgpack_pack_double(pk, json_real_value(json));
		break;
	case JSON_TRUE:
		msgpack_pack_true(pk);
		break;
	case JSON_FALSE:
		msgpack_pack_false(pk);
		break;
	case JSON_NULL:
		msgpack_pack_nil(pk);
		break;
	}
}
