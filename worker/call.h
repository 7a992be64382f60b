#ifndef MORO_WORKER_CALL_H
#define MORO_WORKER_CALL_H

/*
 * One run of a task in a worker: the checked input and the output. This is all
 * that a task's code sees of morod.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "proto/fault.h"
#include "worker/type.h"

#define CALL_FIELDS_MAX 24 /* fields in one table */

/* Output bytes; grows, and is kept from call to call. */
struct output {
	uint8_t *bytes;
	size_t len;
	size_t cap;
	size_t max; /* appending past it fails */
	bool failed; /* memory or `max` ran out: len is not to be trusted */
};

/* All fields are set before run() and borrowed until it returns. */
struct call {
	const struct task_type *type;
	const msgpack_object *data;
	/*
	 * The fields of type->fields, in its order; NULL where one was not
	 * given. What is there fits its entry in the table.
	 */
	const msgpack_object *args[CALL_FIELDS_MAX];
	msgpack_packer pk; /* writes into out */
	struct output *out;
	size_t result_max; /* bytes that a result may have */
	struct fault fault; /* set by call_fail() */
};

/* Writer for msgpack_packer_init(); its data is a struct output. */
int output_write(void *output, const char *bytes, size_t len);

/* Gives len bytes of room behind what is there, or NULL. Adds nothing. */
uint8_t *output_room(struct output *out, size_t len);

/*
 * Runs a task: binds data, calls the type's function, and appends exactly one
 * value to out. On failure returns -1 with call->fault set and out as it was;
 * a result over result_max bytes fails with TOO_LARGE.
 */
int call_run(struct call *call, const struct task_type *type,
    const msgpack_object *data, struct output *out, size_t result_max);

/*
 * Sets the error and returns -1. The codes a task uses: INVALID_ARGUMENT,
 * TOO_LARGE, UNSUPPORTED, NOT_FOUND, and WORKER_ERROR (reason "failed").
 */
int call_fail(struct call *call, enum code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* INVALID_ARGUMENT that names a field: "NAME takes TAKES, not GIVEN". */
int call_refuse(struct call *call, const char *field, const char *takes,
    const msgpack_object *given);

/* The same with the whole sentence given. */
int call_invalid(struct call *call, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Binds the fields of a map to their places in args, checking all that the
 * table says: missing, unknown, duplicate, mistyped, out of range. `prefix`
 * stands before names in errors ("options."), or is "". Returns 0, or -1 with
 * the call's error set.
 */
int call_bind(struct call *call, const struct field *fields,
    const msgpack_object *map, const char *prefix, const msgpack_object **args);

/* Bytes of a bound str or bin. */
const uint8_t *call_bytes(const msgpack_object *arg, size_t *len);

/* Whether a bound str or bin spells text; false for NULL. */
bool call_is(const msgpack_object *arg, const char *text);

/* A bound integer, or fallback when it was not given. */
int64_t call_int(const msgpack_object *arg, int64_t fallback);

/* A bound boolean, or fallback when it was not given. */
bool call_bool(const msgpack_object *arg, bool fallback);

/* Packs a str with a C string; packs len bytes as bin. */
void call_pack_str(struct call *call, const char *text);
void call_pack_bin(struct call *call, const uint8_t *bytes, size_t len);

/*
 * For results that are produced in place: gives room for at most max bytes of
 * a bin, which call_bin_end() then makes one of len bytes. NULL with the
 * call's error set when there is no memory.
 */
uint8_t *call_bin_begin(struct call *call, size_t max);
void call_bin_end(struct call *call, size_t len);

#endif
