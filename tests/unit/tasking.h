#ifndef MORO_TESTS_TASKING_H
#define MORO_TESTS_TASKING_H

/*
 * Runs task types in the test's own process. Data is written as JSON, with
 * ' for " and {'$bin': 'HEX'} for bytes; a failed expectation ends the test.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>

#include "worker/call.h"
#include "worker/registry.h"

#define TASKING_RESULT_MAX ((size_t)64 << 20) /* bytes, if not said otherwise */

/* Group set-up: what a worker's process does first. */
int tasking_setup(void **state);

/*
 * Runs a type that must succeed; the result is good until the next run. It
 * may be formatted: arguments stand for %s and so on in the JSON.
 */
const msgpack_object *tasking_ok(const char *type, const char *json, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs a type that must fail; the fault is good until the next run. */
const struct fault *tasking_fails(const char *type, const char *json, ...)
    __attribute__((format(printf, 2, 3)));

/* Runs a type that must refuse its data with INVALID_ARGUMENT and the field. */
const struct fault *tasking_refuses(const char *field, const char *type,
    const char *json, ...) __attribute__((format(printf, 3, 4)));

/* The same with data in hand; -1 or 0, with tasking_fault() or the result. */
int tasking_run(const char *type, const msgpack_object *data,
    size_t result_max);
const msgpack_object *tasking_result(void);
const struct fault *tasking_fault(void);

/* Data of a map with one or two fields, for bytes that are no JSON. */
msgpack_object tasking_bin(const void *bytes, size_t len);
msgpack_object tasking_str(const void *bytes, size_t len);

/* The value of a key, or NULL. */
const msgpack_object *tasking_get(const msgpack_object *map, const char *key);

/* A str as a C string, good until four more were asked for. */
const char *tasking_text(const msgpack_object *value);

/* The text of a detail of a fault, or NULL; a number of one, or -1. */
const char *tasking_detail(const struct fault *f, const char *name);
int64_t tasking_detail_number(const struct fault *f, const char *name);

void tasking_assert_str(const msgpack_object *value, const char *text);
void tasking_assert_bin(const msgpack_object *value, const void *bytes,
    size_t len);
void tasking_assert_contains(const char *text, const char *part);

#endif
