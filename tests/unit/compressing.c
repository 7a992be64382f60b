#include "tests/unit/compressing.h"

#include <stdlib.h>

#define FIELDS_MAX 6

msgpack_object
compressing_int(int64_t value)
{
	msgpack_object o = {.type = value < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
					      : MSGPACK_OBJECT_POSITIVE_INTEGER,
	    .via.i64 = value};

	return o;
}

msgpack_object
compressing_bool(bool value)
{
	msgpack_object o = {.type = MSGPACK_OBJECT_BOOLEAN,
	    .via.boolean = value};

	return o;
}

int
compressing_run(const char *type, msgpack_object input,
    const msgpack_object_kv *more, size_t n)
{
	msgpack_object_kv kv[FIELDS_MAX] = {{tasking_str("input", 5), input}};
	msgpack_object data = {.type = MSGPACK_OBJECT_MAP,
	    .via.map = {(uint32_t)n + 1, kv}};

	assert_true(n < FIELDS_MAX);
	if (n > 0)
		memcpy(kv + 1, more, n * sizeof *more);
	return tasking_run(type, &data, TASKING_RESULT_MAX);
}

msgpack_object
compressing_keep(void)
{
	const msgpack_object *r = tasking_result();
	uint8_t *copy;

	assert_int_equal(r->type, MSGPACK_OBJECT_BIN);
	copy = malloc(r->via.bin.size + 1);
	memcpy(copy, r->via.bin.ptr, r->via.bin.size);
	return tasking_bin(copy, r->via.bin.size);
}

void
compressing_drop(msgpack_object o)
{
	free((void *)(uintptr_t)o.via.bin.ptr);
}

msgpack_object
compressing_pack(const void *bytes, size_t len, const char *format)
{
	msgpack_object_kv kv = WITH_STR("format", format ? format : "");

	if (compressing_run("data:compress", tasking_bin(bytes, len), &kv,
		format != NULL) < 0)
		fail_msg("%s", tasking_fault()->message);
	return compressing_keep();
}

/* Decompresses; 0 or -1. */
static int
compressing_unpack(msgpack_object input, const char *format, int64_t max_output)
{
	msgpack_object_kv kv[2];
	size_t n = 0;

	if (format != NULL)
		kv[n++] = (msgpack_object_kv)WITH_STR("format", format);
	if (max_output != 0)
		kv[n++] = (msgpack_object_kv)WITH_INT("maxOutput", max_output);
	return compressing_run("data:decompress", input, kv, n);
}

void
compressing_fails(msgpack_object input, const char *format, int64_t max_output,
    enum code code)
{
	assert_int_equal(compressing_unpack(input, format, max_output), -1);
	assert_int_equal(tasking_fault()->code, code);
	if (code == CODE_WORKER_ERROR)
		assert_string_equal(tasking_fault()->reason, "failed");
}

void
compressing_gives(msgpack_object input, const char *format, int64_t max_output,
    const void *bytes, size_t len)
{
	if (compressing_unpack(input, format, max_output) < 0)
		fail_msg("%s", tasking_fault()->message);
	tasking_assert_bin(tasking_result(), bytes, len);
}

uint8_t *
compressing_noise(size_t len)
{
	uint8_t *noise = malloc(len);
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		noise[i] = (uint8_t)(x >> 24);
	}
	return noise;
}
