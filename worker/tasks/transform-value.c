#include "worker/tasks/transform-value.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "worker/tasks/place.h"
#include "worker/tasks/transform-text.h"

/* A way from MessagePack to libjq. */
struct reading {
	struct call *call;
	int depth; /* containers open */
};

/* The way back. */
struct packing {
	struct call *call;
	int depth;
	uint32_t count; /* values packed */
};

static jv transform_value_read(struct reading *r, const msgpack_object *value,
    const struct place *place);
static int transform_value_write(struct packing *p, jv value);

/* Refuses the value at a place: "PATH WHAT"; always invalid. */
static jv
transform_value_refuse(struct reading *r, const struct place *place,
    const char *what)
{
	char path[PLACE_PATH];

	place_path(place, path, sizeof path);
	call_invalid(r->call, path, "%s %s", path, what);
	return jv_invalid();
}

static jv
transform_value_unsafe(struct reading *r, const struct place *place)
{
	return transform_value_refuse(r, place,
	    "takes an integer from -2^53 to 2^53: jq's numbers are doubles and "
	    "would round it");
}

static jv
transform_value_string(struct reading *r, const msgpack_object *value,
    const struct place *place)
{
	jv string =
	    transform_text_string(value->via.str.ptr, value->via.str.size);

	if (jv_is_valid(string))
		return string;
	return transform_value_refuse(r, place,
	    "takes a string of valid UTF-8");
}

static jv
transform_value_array(struct reading *r, const msgpack_object *value,
    const struct place *place)
{
	uint32_t n = value->via.array.size;
	jv array = jv_array_sized((int)n + 1); /* of 0 it takes none */

	for (uint32_t i = 0; i < n; i++) {
		const struct place at = {.up = place, .index = i};
		jv one = transform_value_read(r, &value->via.array.ptr[i], &at);

		if (!jv_is_valid(one)) {
			jv_free(array);
			return one;
		}
		array = jv_array_append(array, one);
	}
	return array;
}

/* Sets one pair; on failure frees the object and gives what is invalid. */
static jv
transform_value_pair(struct reading *r, jv object, const msgpack_object_kv *kv,
    const struct place *place)
{
	const struct place at = {.up = place, .key = &kv->key};
	jv key, one;

	if (kv->key.type != MSGPACK_OBJECT_STR)
		key = transform_value_refuse(r, &at,
		    "has a key that is no string");
	else
		key = transform_value_string(r, &kv->key, &at);
	if (!jv_is_valid(key)) {
		jv_free(object);
		return key;
	}
	one = transform_value_read(r, &kv->val, &at);
	if (!jv_is_valid(one)) {
		jv_free(key);
		jv_free(object);
		return one;
	}
	return jv_object_set(object, key, one);
}

static jv
transform_value_object(struct reading *r, const msgpack_object *value,
    const struct place *place)
{
	uint32_t n = value->via.map.size;
	jv object = jv_object();

	for (uint32_t i = 0; i < n; i++) {
		object = transform_value_pair(r, object, &value->via.map.ptr[i],
		    place);
		if (!jv_is_valid(object))
			return object;
	}
	if (jv_object_length(jv_copy(object)) == (int)n)
		return object;
	jv_free(object);
	return transform_value_refuse(r, place, "has a key twice");
}

/* Reads a container, one level deeper. */
static jv
transform_value_container(struct reading *r, const msgpack_object *value,
    const struct place *place)
{
	jv made;

	if (r->depth == TRANSFORM_DEPTH_MAX)
		return transform_value_refuse(r, place, "is nested too deep");
	r->depth++;
	made = value->type == MSGPACK_OBJECT_MAP
		   ? transform_value_object(r, value, place)
		   : transform_value_array(r, value, place);
	r->depth--;
	return made;
}

/* Reads a value; recursion ends at TRANSFORM_DEPTH_MAX. */
static jv
transform_value_read(struct reading *r, const msgpack_object *value,
    const struct place *place)
{
	switch (value->type) {
	case MSGPACK_OBJECT_NIL:
		return jv_null();
	case MSGPACK_OBJECT_BOOLEAN:
		return jv_bool(value->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		if (value->via.u64 > (uint64_t)TRANSFORM_INTEGER_MAX)
			return transform_value_unsafe(r, place);
		return jv_number((double)value->via.u64);
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		if (value->via.i64 < -TRANSFORM_INTEGER_MAX)
			return transform_value_unsafe(r, place);
		return jv_number((double)value->via.i64);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		if (!isfinite(value->via.f64))
			return transform_value_refuse(r, place,
			    "takes a finite number: JSON has no other");
		return jv_number(value->via.f64);
	case MSGPACK_OBJECT_STR:
		return transform_value_string(r, value, place);
	case MSGPACK_OBJECT_ARRAY:
	case MSGPACK_OBJECT_MAP:
		return transform_value_container(r, value, place);
	default:
		return transform_value_refuse(r, place,
		    "takes what JSON can say, not bytes");
	}
}

jv
transform_value_from(struct call *call, const char *name,
    const msgpack_object *value)
{
	struct reading r = {.call = call};
	const struct place root = {.up = NULL, .name = name};

	return transform_value_read(&r, value, &root);
}

/* Whole numbers are integers again, except -0, which would lose its sign. */
static void
transform_value_number(msgpack_packer *pk, double number)
{
	if (number == trunc(number) &&
	    fabs(number) <= (double)TRANSFORM_INTEGER_MAX &&
	    !(number == 0 && signbit(number)))
		msgpack_pack_int64(pk, (int64_t)number);
	else if (isnan(number))
		msgpack_pack_nil(pk);
	else if (isinf(number))
		msgpack_pack_double(pk, copysign(DBL_MAX, number));
	else
		msgpack_pack_double(pk, number);
}

/* Packs a string, unless it is a text that libjq has cut. */
static int
transform_value_pack_string(struct packing *p, jv string)
{
	size_t len = (size_t)jv_string_length_bytes(jv_copy(string));

	if (transform_text_is_cut(jv_string_value(string), len))
		return transform_text_refuse_cut(p->call);
	msgpack_pack_str_with_body(&p->call->pk, jv_string_value(string), len);
	return 0;
}

static int
transform_value_pack_array(struct packing *p, jv array)
{
	int n = jv_array_length(jv_copy(array)), rc = 0;

	msgpack_pack_array(&p->call->pk, (size_t)n);
	for (int i = 0; i < n && rc == 0; i++) {
		jv one = jv_array_get(jv_copy(array), i);

		rc = transform_value_write(p, one);
		jv_free(one);
	}
	return rc;
}

static int
transform_value_pack_object(struct packing *p, jv object)
{
	int rc = 0;

	msgpack_pack_map(&p->call->pk,
	    (size_t)jv_object_length(jv_copy(object)));
	for (int i = jv_object_iter(object);
	     rc == 0 && jv_object_iter_valid(object, i);
	     i = jv_object_iter_next(object, i)) {
		jv key = jv_object_iter_key(object, i);
		jv one = jv_object_iter_value(object, i);

		p->count++;
		rc = transform_value_pack_string(p, key);
		if (rc == 0)
			rc = transform_value_write(p, one);
		jv_free(key);
		jv_free(one);
	}
	return rc;
}

/* Fails with TOO_LARGE, because a message may not have so much of something. */
static int
transform_value_over(struct call *call, const char *how, int64_t limit)
{
	call_fail(call, CODE_TOO_LARGE,
	    "the result %s; format json and lines allow more", how);
	fault_add_number(&call->fault, "limit", limit);
	return -1;
}

/* Packs a container, one level deeper. */
static int
transform_value_pack_container(struct packing *p, jv value)
{
	int rc;

	if (p->depth == TRANSFORM_DEPTH_MAX)
		return transform_value_over(p->call,
		    "is nested more than 31 deep", TRANSFORM_DEPTH_MAX);
	p->depth++;
	rc = jv_get_kind(value) == JV_KIND_OBJECT
		 ? transform_value_pack_object(p, value)
		 : transform_value_pack_array(p, value);
	p->depth--;
	return rc;
}

/* Packs a value, which is borrowed; recursion ends at TRANSFORM_DEPTH_MAX. */
static int
transform_value_write(struct packing *p, jv value)
{
	msgpack_packer *pk = &p->call->pk;

	if (++p->count > TRANSFORM_VALUES_MAX)
		return transform_value_over(p->call,
		    "has more than 999900 values", TRANSFORM_VALUES_MAX);
	if (p->call->out->full)
		return call_too_large(p->call, "result", p->call->result_max);
	switch (jv_get_kind(value)) {
	case JV_KIND_OBJECT:
	case JV_KIND_ARRAY:
		return transform_value_pack_container(p, value);
	case JV_KIND_STRING:
		return transform_value_pack_string(p, value);
	case JV_KIND_NUMBER:
		transform_value_number(pk, jv_number_value(value));
		break;
	case JV_KIND_TRUE:
		msgpack_pack_true(pk);
		break;
	case JV_KIND_FALSE:
		msgpack_pack_false(pk);
		break;
	default:
		msgpack_pack_nil(pk);
		break;
	}
	return 0;
}

int
transform_value_pack(struct call *call, jv value)
{
	struct packing p = {.call = call};

	return transform_value_write(&p, value);
}
