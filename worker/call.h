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
#include "worker/files.h"
#include "worker/keyring.h"
#include "worker/output.h"
#include "worker/type.h"
#include "worker/watch.h"

#define CALL_FIELDS_MAX 24 /* fields in one table */

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
	struct files *files; /* that came with the request; NULL: none */
	struct watch *watch; /* who waits for it; NULL: nobody */
	/*
	 * The named key that a field stands for, whose args entry is the value
	 * of `version`: the current one, or the one that the caller names, which
	 * `pinned` tells. NULL: there is none.
	 */
	const struct keyring_key *key;
	const struct keyring_version *version;
	bool pinned;
	size_t began; /* bytes of the place that call_begin() gave */
	struct fault fault; /* set by call_fail() */
};

/*
 * Runs a task: binds data, calls the type's function, and appends exactly one
 * value to out. call->files and call->watch are the caller's to set before. On
 * failure returns -1 with call->fault set and out as it was; a result over
 * result_max bytes fails with TOO_LARGE. `data` NULL counts as nil. A type
 * without a table of fields takes any data.
 */
int call_run(struct call *call, const struct task_type *type,
    const msgpack_object *data, struct output *out, size_t result_max);

/*
 * Sets the error and returns -1. The codes a task uses: INVALID_ARGUMENT,
 * TOO_LARGE, UNSUPPORTED, NOT_FOUND, and WORKER_ERROR (reason "failed").
 */
int call_fail(struct call *call, enum code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * INVALID_ARGUMENT that names a field: "NAME takes TAKES, not GIVEN"; `given`
 * NULL: "NAME is missing; it takes TAKES". GIVEN never holds a string's bytes:
 * it may be a secret. Numbers are told: not for fields that may be one.
 */
int call_refuse(struct call *call, const char *field, const char *takes,
    const msgpack_object *given);

/* The same with the whole sentence given. */
int call_invalid(struct call *call, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Whether the task is asked to stop: its request was cancelled, or nobody waits
 * for it any more. It may clean up and fail with anything (call_stopped() is
 * meant for that); the worker is killed if it takes longer than the grace. For
 * types with TYPE_SOFT_CANCEL: others are killed without being asked.
 */
bool call_cancelled(const struct call *call);

/* Fails because of that. */
int call_stopped(struct call *call);

/*
 * Tells how far the task is, of `total` (below 0: not known), with a note that
 * may be NULL. As often as one likes: it costs a look at the clock, and is sent
 * at most 20 times a second, if the caller asked for it.
 */
void call_progress(struct call *call, double done, double total,
    const char *note);

/* How often the task was begun, this time included: over 1 after a crash. */
uint32_t call_attempt(const struct call *call);

/* The failures that every task has: no memory, and a result over a limit. */
int call_no_memory(struct call *call);
int call_too_large(struct call *call, const char *what, size_t limit);

/*
 * Does in this call's place what another type does with data of its own: binds
 * and runs it; its error is the call's. Returns 0 or -1. The call goes on being
 * one of its own type afterwards, but its args are gone.
 */
int call_delegate(struct call *call, const struct task_type *type,
    const msgpack_object *data);

/*
 * Binds the fields of a map to their places in args, checking all that the
 * table says: missing, unknown, duplicate, mistyped, out of range. `prefix`
 * stands before names in errors ("options."), or is "". Returns 0, or -1 with
 * the call's error set.
 */
int call_bind(struct call *call, const struct field *fields,
    const msgpack_object *map, const char *prefix, const msgpack_object **args);

/*
 * Has a bound field in memory, which may be a range of a file until then.
 * Returns 0, or -1 with the error set.
 */
int call_load(struct call *call, const char *field, const msgpack_object *arg);

/* Bytes of a bound str or bin. */
const uint8_t *call_bytes(const msgpack_object *arg, size_t *len);

/* Whether a bound str or bin spells text; false for NULL. */
bool call_is(const msgpack_object *arg, const char *text);

/* A bound integer, or fallback when it was not given. */
int64_t call_int(const msgpack_object *arg, int64_t fallback);

/* A bound number, or fallback when it was not given. */
double call_number(const msgpack_object *arg, double fallback);

/* A bound boolean, or fallback when it was not given. */
bool call_bool(const msgpack_object *arg, bool fallback);

/* A bound string as a C string in out, cut at size - 1 bytes. */
void call_text(const msgpack_object *arg, char *out, size_t size);

/* Packs a str with a C string; packs len bytes as bin. */
void call_pack_str(struct call *call, const char *text);
void call_pack_bin(struct call *call, const uint8_t *bytes, size_t len);

/* Packs a str or bin of exactly len bytes and gives their place, or NULL. */
uint8_t *call_place(struct call *call, size_t len, bool is_str);

/*
 * The same for a str or bin that is the whole result, by who decides nothing by
 * what it has written: the caller may have asked for the result in memory that
 * it sees and writes to meanwhile.
 */
uint8_t *call_place_open(struct call *call, size_t len, bool is_str);

/* The most bytes that a bin may have as the result. */
size_t call_room(const struct call *call);

/*
 * For results whose length shows only at the end: gives a place for a bin of
 * at most *room bytes, and sets *room to what there is: less where the limit
 * of results is nearer. Called again, it gives a larger place with the same
 * bytes. The place may be as open as that of call_place_open(). call_end() then
 * makes a bin of the first len of them. NULL: no memory, with the call's error
 * set.
 */
uint8_t *call_begin(struct call *call, size_t *room);
void call_end(struct call *call, size_t len);

#endif
