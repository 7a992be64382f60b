#include "tests/unit/tasking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#define TASKING_JSON ((size_t)1 << 20) /* bytes of one JSON text */
#define TASKING_TEXTS 4 /* C strings that are good at once */
#define TASKING_TEXT ((size_t)1 << 17) /* bytes of each */

static struct output out;
static struct call call;
static msgpack_unpacked result;
static msgpack_unpacked given;
static bool started;

int
tasking_setup(void **state)
{
	const char *why = NULL;

	(void)state;
	if (started)
		return 0;
	started = true;
	output_init(&out, SIZE_MAX / 2);
	msgpack_unpacked_init(&result);
	msgpack_unpacked_init(&given);
	if (registry_init(&why) == 0)
		return 0;
	fprintf(stderr, "registry_init: %s\n", why);
	return -1;
}

/* Packs JSON; an object of $bin alone becomes bytes. */
static void
tasking_pack(const json_t *json, msgpack_packer *pk)
{
	json_t *bin = json_object_get(json, "$bin");
	uint8_t bytes[4096];
	const char *key;
	json_t *one;
	size_t n;

	if (bin != NULL) {
		assert_int_equal(sodium_hex2bin(bytes, sizeof bytes,
				     json_string_value(bin),
				     json_string_length(bin), NULL, &n, NULL),
		    0);
		msgpack_pack_bin_with_body(pk, bytes, n);
		return;
	}
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		msgpack_pack_map(pk, json_object_size(json));
		json_object_foreach((json_t *)json, key, one)
		{
			msgpack_pack_str_with_body(pk, key, strlen(key));
			tasking_pack(one, pk);
		}
		break;
	case JSON_ARRAY:
		msgpack_pack_array(pk, json_array_size(json));
		for (size_t i = 0; i < json_array_size(json); i++)
			tasking_pack(json_array_get(json, i), pk);
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

/* Makes data of a JSON text in `given`. */
static const msgpack_object *
tasking_data(const char *format, va_list ap)
{
	static char text[TASKING_JSON];
	static msgpack_sbuffer buf;
	json_error_t error;
	msgpack_packer pk;
	json_t *json;
	size_t off = 0;

	assert_true(
	    (size_t)vsnprintf(text, sizeof text, format, ap) < sizeof text);
	for (char *p = text; *p != '\0'; p++) {
		if (*p == '\'')
			*p = '"';
	}
	json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (json == NULL)
		fail_msg("bad JSON in a test: %s: %s", error.text, text);
	msgpack_sbuffer_clear(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	tasking_pack(json, &pk);
	json_decref(json);
	assert_int_equal(msgpack_unpack_next(&given, buf.data, buf.size, &off),
	    MSGPACK_UNPACK_SUCCESS);
	return &given.data;
}

int
tasking_run(const char *type, const msgpack_object *data, size_t result_max)
{
	const struct task_type *t = registry_find(type, strlen(type));
	size_t before, off;
	int rc;

	assert_non_null(t);
	output_wipe(&out);
	/* something is there already, and must not be touched */
	output_write(&out, "\xc3", 1);
	before = off = out.len;
	rc = call_run(&call, t, data, &out, result_max);
	assert_int_equal(out.bytes[0], 0xc3);
	if (rc < 0) {
		assert_int_equal(out.len, before);
		assert_false(out.failed);
		return rc;
	}
	assert_true(out.len - before <= result_max);
	assert_int_equal(msgpack_unpack_next(&result, (const char *)out.bytes,
			     out.len, &off),
	    MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(off, out.len);
	return 0;
}

const msgpack_object *
tasking_result(void)
{
	return &result.data;
}

const struct fault *
tasking_fault(void)
{
	return &call.fault;
}

const msgpack_object *
tasking_ok(const char *type, const char *json, ...)
{
	const msgpack_object *data;
	va_list ap;

	va_start(ap, json);
	data = tasking_data(json, ap);
	va_end(ap);
	if (tasking_run(type, data, TASKING_RESULT_MAX) < 0)
		fail_msg("%s: %s: %s", type, code_name(call.fault.code),
		    call.fault.message);
	return &result.data;
}

const struct fault *
tasking_fails(const char *type, const char *json, ...)
{
	const msgpack_object *data;
	va_list ap;

	va_start(ap, json);
	data = tasking_data(json, ap);
	va_end(ap);
	if (tasking_run(type, data, TASKING_RESULT_MAX) == 0)
		fail_msg("%s did not fail", type);
	return &call.fault;
}

const struct fault *
tasking_refuses(const char *field, const char *type, const char *json, ...)
{
	const msgpack_object *data;
	const char *named;
	va_list ap;

	va_start(ap, json);
	data = tasking_data(json, ap);
	va_end(ap);
	if (tasking_run(type, data, TASKING_RESULT_MAX) == 0)
		fail_msg("%s took %s", type, json);
	if (call.fault.code != CODE_INVALID_ARGUMENT)
		fail_msg("%s: %s: %s: %s", type, json,
		    code_name(call.fault.code), call.fault.message);
	named = tasking_detail(&call.fault, "field");
	if (named == NULL || strcmp(named, field) != 0)
		fail_msg("%s: %s: field is %s: %s", type, json, named,
		    call.fault.message);
	tasking_assert_contains(call.fault.message, field);
	return &call.fault;
}

msgpack_object
tasking_bin(const void *bytes, size_t len)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_BIN};

	o.via.bin.ptr = bytes;
	o.via.bin.size = (uint32_t)len;
	return o;
}

msgpack_object
tasking_str(const void *bytes, size_t len)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_STR};

	o.via.str.ptr = bytes;
	o.via.str.size = (uint32_t)len;
	return o;
}

const msgpack_object *
tasking_get(const msgpack_object *map, const char *key)
{
	assert_int_equal(map->type, MSGPACK_OBJECT_MAP);
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		if (call_is(&map->via.map.ptr[i].key, key))
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

const char *
tasking_text(const msgpack_object *value)
{
	static char texts[TASKING_TEXTS][TASKING_TEXT];
	static unsigned int next;
	char *text = texts[next++ % TASKING_TEXTS];

	assert_non_null(value);
	assert_int_equal(value->type, MSGPACK_OBJECT_STR);
	call_text(value, text, TASKING_TEXT);
	return text;
}

static const struct fault_detail *
tasking_find_detail(const struct fault *f, const char *name)
{
	for (unsigned int i = 0; i < f->n_details; i++) {
		if (strcmp(f->details[i].name, name) == 0)
			return &f->details[i];
	}
	return NULL;
}

const char *
tasking_detail(const struct fault *f, const char *name)
{
	const struct fault_detail *d = tasking_find_detail(f, name);

	return d != NULL && d->is_text ? d->text : NULL;
}

int64_t
tasking_detail_number(const struct fault *f, const char *name)
{
	const struct fault_detail *d = tasking_find_detail(f, name);

	return d != NULL && !d->is_text ? d->number : -1;
}

void
tasking_assert_str(const msgpack_object *value, const char *text)
{
	assert_string_equal(tasking_text(value), text);
}

void
tasking_assert_bin(const msgpack_object *value, const void *bytes, size_t len)
{
	assert_non_null(value);
	assert_int_equal(value->type, MSGPACK_OBJECT_BIN);
	assert_int_equal(value->via.bin.size, len);
	assert_memory_equal(value->via.bin.ptr, bytes, len);
}

void
tasking_assert_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}
