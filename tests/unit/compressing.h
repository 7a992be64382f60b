#ifndef MORO_TESTS_COMPRESSING_H
#define MORO_TESTS_COMPRESSING_H

/* Runs data:compress and data:decompress on bytes that are no JSON. */

#include "tests/unit/tasking.h"

#include <stdbool.h>
#include <string.h>

/* Fields beside input, for COMPRESSING() and DECOMPRESSING(). */
#define WITH_STR(name, text)                        \
	{                                           \
		tasking_str(name, strlen(name)),    \
		    tasking_str(text, strlen(text)) \
	}
#define WITH_BIN(name, bytes, len)                                       \
	{                                                                \
		tasking_str(name, strlen(name)), tasking_bin(bytes, len) \
	}
#define WITH_INT(name, value)                                           \
	{                                                               \
		tasking_str(name, strlen(name)), compressing_int(value) \
	}
#define WITH_BOOL(name, value)                                           \
	{                                                                \
		tasking_str(name, strlen(name)), compressing_bool(value) \
	}

msgpack_object compressing_int(int64_t value);
msgpack_object compressing_bool(bool value);

/* Runs a type with input and n more fields; 0 or -1. */
int compressing_run(const char *type, msgpack_object input,
    const msgpack_object_kv *more, size_t n);

/* The same with fields in place: RUN("data:compress", in, WITH_INT(...)). */
#define RUN(type, input, ...)                                            \
	compressing_run(type, input, (msgpack_object_kv[]){__VA_ARGS__}, \
	    sizeof((msgpack_object_kv[]){__VA_ARGS__}) /                 \
		sizeof(msgpack_object_kv))

/* The last result's bytes, copied; compressing_drop() frees it. */
msgpack_object compressing_keep(void);
void compressing_drop(msgpack_object o);

/* Compresses, which must succeed; `format` NULL: the default. */
msgpack_object compressing_pack(const void *bytes, size_t len,
    const char *format);

/*
 * Decompression must fail with a code, or give bytes; `format` NULL: not said,
 * `max_output` 0: not said.
 */
void compressing_fails(msgpack_object input, const char *format,
    int64_t max_output, enum code code);
void compressing_gives(msgpack_object input, const char *format,
    int64_t max_output, const void *bytes, size_t len);

/* len bytes that do not compress, the same each time; the caller frees. */
uint8_t *compressing_noise(size_t len);

#endif
