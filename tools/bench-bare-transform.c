/* json:transform, from text to text and from MessagePack to MessagePack */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jq.h>
#include <msgpack.h>

#include "tools/bench-bare.h"
#include "tools/bench-events.h"

#define TRANSFORM_PROGRAM "map({id, n: (.value * 2)})"
#define TRANSFORM_ZONE ((size_t)64 << 10)

static jq_state *transform_jq; /* with the program */
static struct request_input transform_text; /* JSON */
static struct events transform_value; /* MessagePack */

/* Runs the program on an input, which is taken; gives its only output. */
static jv
transform_run(jv input)
{
	jv output, end;

	bare_check(jv_is_valid(input), "parse");
	jq_start(transform_jq, input, 0);
	output = jq_next(transform_jq);
	end = jq_next(transform_jq);
	bare_check(jv_is_valid(output) && !jv_is_valid(end), "transform");
	jv_free(end);
	return output;
}

static void
transform_text_work(const struct bare *bare)
{
	(void)bare;
	jv_free(
	    jv_dump_string(transform_run(jv_parse_sized(transform_text.bytes,
			       (int)transform_text.len)),
		0));
}

/* The shortest way from MessagePack, which checks nothing. */
static jv
transform_read(const msgpack_object *o)
{
	jv made;

	switch (o->type) {
	case MSGPACK_OBJECT_ARRAY:
		made = jv_array_sized((int)o->via.array.size + 1);
		for (uint32_t i = 0; i < o->via.array.size; i++)
			made = jv_array_append(made,
			    transform_read(&o->via.array.ptr[i]));
		return made;
	case MSGPACK_OBJECT_MAP:
		made = jv_object();
		for (uint32_t i = 0; i < o->via.map.size; i++)
			made = jv_object_set(made,
			    transform_read(&o->via.map.ptr[i].key),
			    transform_read(&o->via.map.ptr[i].val));
		return made;
	case MSGPACK_OBJECT_STR:
		return jv_string_sized(o->via.str.ptr, (int)o->via.str.size);
	default:
		return jv_number((double)o->via.i64);
	}
}

/* And back. */
static void
transform_write(msgpack_packer *pk, jv value)
{
	if (jv_get_kind(value) == JV_KIND_ARRAY) {
		msgpack_pack_array(pk, (size_t)jv_array_length(jv_copy(value)));
		jv_array_foreach(value, i, one) transform_write(pk, one);
	} else if (jv_get_kind(value) == JV_KIND_OBJECT) {
		msgpack_pack_map(pk, (size_t)jv_object_length(jv_copy(value)));
		jv_object_foreach(value, key, one)
		{
			transform_write(pk, key);
			transform_write(pk, one);
		}
	} else if (jv_get_kind(value) == JV_KIND_STRING) {
		msgpack_pack_str_with_body(pk, jv_string_value(value),
		    (size_t)jv_string_length_bytes(jv_copy(value)));
	} else if (jv_number_value(value) == trunc(jv_number_value(value))) {
		msgpack_pack_int64(pk, (int64_t)jv_number_value(value));
	} else {
		msgpack_pack_double(pk, jv_number_value(value));
	}
	jv_free(value);
}

static void
transform_value_work(const struct bare *bare)
{
	msgpack_zone zone;
	msgpack_object object;
	msgpack_sbuffer buf;
	msgpack_packer pk;

	(void)bare;
	msgpack_zone_init(&zone, TRANSFORM_ZONE);
	bare_check(msgpack_unpack(transform_value.bytes, transform_value.len,
		       NULL, &zone, &object) == MSGPACK_UNPACK_SUCCESS,
	    "unpack");
	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	transform_write(&pk, transform_run(transform_read(&object)));
	msgpack_sbuffer_destroy(&buf);
	msgpack_zone_destroy(&zone);
}

static void
transform_text_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	request_init(&r, "json:transform", 3);
	request_str(&r, "filter", TRANSFORM_PROGRAM);
	request_str(&r, "format", "json");
	request_large(&r, "json", &transform_text, by_fd,
	    bare_common.result_fds);
	request_end(&r, f);
}

static void
transform_value_form(const struct bare *bare, struct form *f, bool by_fd)
{
	struct request r;

	(void)bare;
	(void)by_fd; /* a value stands in the message */
	request_init(&r, "json:transform", 2);
	request_str(&r, "filter", TRANSFORM_PROGRAM);
	request_key(&r, "data");
	request_tail(&r, transform_value.bytes, transform_value.len);
	request_end(&r, f);
}

static void
transform_init(void)
{
	struct events text;

	transform_jq = jq_init();
	bare_check(transform_jq != NULL &&
		       jq_compile(transform_jq, TRANSFORM_PROGRAM),
	    "compile the program");
	events_json(&text, BARE_SIZE);
	request_input_init(&transform_text, text.bytes, text.len);
	events_packed(&transform_value, BARE_SIZE);
}

static void
transform_clear(void)
{
	jq_teardown(&transform_jq);
	request_input_clear(&transform_text);
	events_clear(&transform_value);
}

#define TRANSFORM_ROW (BARE_BRIEF | BARE_LONG)

static const struct bare transform_rows[] = {
    {"json:transform", NULL,
	"jv_parse_sized(), a compiled program, jv_dump_string()",
	TRANSFORM_ROW | BARE_BY_FD, BARE_MIDDLE, NULL, transform_text_form,
	transform_text_work},
    {"json:transform.value", NULL,
	"msgpack_unpack(), to jv and back without checks, a compiled "
	"program",
	TRANSFORM_ROW, BARE_MIDDLE, NULL, transform_value_form,
	transform_value_work},
    {NULL},
};

const struct bare_family bare_transform = {transform_init, transform_clear,
    transform_rows};
