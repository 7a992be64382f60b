#include "worker/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker/field.h"

#define BIN8_MAX 0xff
#define BIN16_MAX 0xffff
#define BIN_HEAD_MAX 5 /* bytes of the longest header of a bin */

static const msgpack_object call_nil = {.type = MSGPACK_OBJECT_NIL};

/* Makes the call ready to run a type on data. */
static void
call_init(struct call *call, const struct task_type *type,
    const msgpack_object *data, struct output *out, size_t result_max)
{
	call->type = type;
	call->data = data != NULL ? data : &call_nil;
	call->out = out;
	call->result_max = result_max;
	call->key = NULL;
	call->version = NULL;
	call->pinned = false;
	call->began = 0;
	msgpack_packer_init(&call->pk, out, output_write);
}

/* Binds the fields, if the type has a table, and runs the type. */
static int
call_bind_and_run(struct call *call)
{
	const struct field *fields = call->type->fields;

	if (fields != NULL &&
	    call_bind(call, fields, call->data, "", call->args) < 0)
		return -1;
	return call->type->run(call);
}

int
call_delegate(struct call *call, const struct task_type *type,
    const msgpack_object *data)
{
	const struct task_type *own_type = call->type;
	const msgpack_object *own_data = call->data;
	int rc;

	if (type->flags & TYPE_SECRET)
		call->out->secret = true;
	call->type = type;
	call->data = data;
	rc = call_bind_and_run(call);
	call->type = own_type;
	call->data = own_data;
	return rc;
}

/* Runs the type, and sees to it that the result has fitted. */
static int
call_run_type(struct call *call)
{
	if (call_bind_and_run(call) < 0)
		return -1;
	if (!call->out->failed)
		return 0;
	if (!call->out->full)
		return call_no_memory(call);
	return call_too_large(call, "result", call->result_max);
}

/* Does the work, and sees to it that the result is where it is wanted. */
static int
call_work(struct call *call)
{
	size_t start = call->out->len;

	if (!files_take_result(call))
		return call_run_type(call);
	if (files_check_result(call) < 0 || call_run_type(call) < 0)
		return -1;
	return files_move_result(call, start);
}

/* Takes back what a failed call has written. */
static void
call_undo(struct output *out, size_t start)
{
	if (out->secret && out->len > start)
		explicit_bzero(out->bytes + start, out->len - start);
	out->len = start;
	out->failed = false;
	out->full = false;
}

int
call_run(struct call *call, const struct task_type *type,
    const msgpack_object *data, struct output *out, size_t result_max)
{
	size_t start = out->len, max = out->max;
	int rc;

	assert(start <= max && !out->failed);
	if (result_max > max - start)
		result_max = max - start;
	out->max = start + result_max;
	if (type->flags & TYPE_SECRET)
		out->secret = true;
	call_init(call, type, data, out, result_max);
	rc = call_work(call);
	out->max = max;
	if (rc < 0)
		call_undo(out, start);
	return rc;
}

/* Sets the error with a message that is ready. */
static int
call_fault(struct call *call, enum code code, const char *message)
{
	const char *reason = code == CODE_WORKER_ERROR ? "failed" : NULL;

	fault_set(&call->fault, code, reason, "%s", message);
	return -1;
}

int
call_fail(struct call *call, enum code code, const char *format, ...)
{
	char message[FAULT_MESSAGE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	return call_fault(call, code, message);
}

int
call_invalid(struct call *call, const char *field, const char *format, ...)
{
	char message[FAULT_MESSAGE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	call_fault(call, CODE_INVALID_ARGUMENT, message);
	fault_add_text(&call->fault, "field", field);
	return -1;
}

int
call_refuse(struct call *call, const char *field, const char *takes,
    const msgpack_object *given)
{
	char words[FIELD_WORDS];

	if (given == NULL)
		return call_invalid(call, field, "%s is missing; it takes %s",
		    field, takes);
	/* of a secret that is the server's nothing is told */
	if (call->version != NULL && given == &call->version->value)
		return call_invalid(call, field,
		    "%s takes %s, which the key \"%s\" is not", field, takes,
		    call->key->name);
	field_given(given, words, sizeof words);
	return call_invalid(call, field, "%s takes %s, not %s", field, takes,
	    words);
}

bool
call_cancelled(const struct call *call)
{
	return call->watch != NULL && watch_is_cancelled(call->watch);
}

int
call_stopped(struct call *call)
{
	return call_fail(call, CODE_WORKER_ERROR,
	    "%s stopped, because it was cancelled", call->type->name);
}

void
call_progress(struct call *call, double done, double total, const char *note)
{
	if (call->watch != NULL)
		watch_report(call->watch, done, total, note);
}

uint32_t
call_attempt(const struct call *call)
{
	return call->watch != NULL ? call->watch->attempt : 1;
}

int
call_no_memory(struct call *call)
{
	fault_set(&call->fault, CODE_WORKER_ERROR, "memory",
	    "the worker has not enough memory for this task");
	return -1;
}

int
call_too_large(struct call *call, const char *what, size_t limit)
{
	call_fail(call, CODE_TOO_LARGE, "the %s is larger than %zu bytes", what,
	    limit);
	fault_add_number(&call->fault, "limit", (int64_t)limit);
	return -1;
}

int
call_load(struct call *call, const char *field, const msgpack_object *arg)
{
	if (!files_is_range(arg))
		return 0;
	/* the call's own, like all its values */
	return files_load(call, field, (msgpack_object *)(uintptr_t)arg);
}

const uint8_t *
call_bytes(const msgpack_object *arg, size_t *len)
{
	/* str and bin have the same shape, but only one is the active one */
	if (arg->type == MSGPACK_OBJECT_STR) {
		*len = arg->via.str.size;
		return (const uint8_t *)arg->via.str.ptr;
	}
	*len = arg->via.bin.size;
	return (const uint8_t *)arg->via.bin.ptr;
}

bool
call_is(const msgpack_object *arg, const char *text)
{
	const uint8_t *bytes;
	size_t len;

	if (arg == NULL || (field_kind(arg) & FIELD_TEXT) == 0)
		return false;
	bytes = call_bytes(arg, &len);
	return len == strlen(text) &&
	       (len == 0 || memcmp(bytes, text, len) == 0);
}

int64_t
call_int(const msgpack_object *arg, int64_t fallback)
{
	return arg != NULL ? arg->via.i64 : fallback;
}

double
call_number(const msgpack_object *arg, double fallback)
{
	if (arg == NULL)
		return fallback;
	switch (arg->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return (double)arg->via.u64;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return (double)arg->via.i64;
	default:
		return arg->via.f64;
	}
}

bool
call_bool(const msgpack_object *arg, bool fallback)
{
	return arg != NULL ? arg->via.boolean : fallback;
}

void
call_text(const msgpack_object *arg, char *out, size_t size)
{
	size_t len;
	const uint8_t *bytes = call_bytes(arg, &len);

	if (len > size - 1)
		len = size - 1;
	if (len > 0)
		memcpy(out, bytes, len);
	out[len] = '\0';
}

void
call_pack_str(struct call *call, const char *text)
{
	msgpack_pack_str_with_body(&call->pk, text, strlen(text));
}

void
call_pack_bin(struct call *call, const uint8_t *bytes, size_t len)
{
	msgpack_pack_bin_with_body(&call->pk, bytes, len);
}

/* Sets the error that goes with an output that has no room. */
static void
call_room_failed(struct call *call)
{
	if (call->out->full)
		call_too_large(call, "result", call->result_max);
	else
		call_no_memory(call);
}

uint8_t *
call_place(struct call *call, size_t len, bool is_str)
{
	uint8_t *place;

	if (is_str)
		msgpack_pack_str(&call->pk, len);
	else
		msgpack_pack_bin(&call->pk, len);
	place = output_room(call->out, len);
	if (place == NULL) {
		call_room_failed(call);
		return NULL;
	}
	call->out->len += len;
	return place;
}

uint8_t *
call_place_open(struct call *call, size_t len, bool is_str)
{
	size_t room;
	uint8_t *place = files_place(call, len, &room);

	if (place == NULL)
		return call_place(call, len, is_str);
	files_end_placed(call, len);
	return place;
}

size_t
call_room(const struct call *call)
{
	size_t left = call->out->max - call->out->len;

	return left > BIN_HEAD_MAX ? left - BIN_HEAD_MAX : 0;
}

/* Whether the result is being made in its file. */
static bool
call_is_placed(const struct call *call)
{
	return call->files != NULL && call->files->placed != NULL;
}

/* The place for a bin in the output, with what has been made so far. */
static uint8_t *
call_begin_output(struct call *call, size_t room)
{
	uint8_t *place = output_room(call->out, BIN_HEAD_MAX + room);

	if (place == NULL) {
		call_room_failed(call);
		return NULL;
	}
	if (call_is_placed(call)) {
		memcpy(place + BIN_HEAD_MAX, call->files->placed, call->began);
		call->files->placed = NULL;
	}
	return place + BIN_HEAD_MAX;
}

uint8_t *
call_begin(struct call *call, size_t *room)
{
	size_t most = call_room(call), there;
	uint8_t *place = NULL;

	if (*room > most)
		*room = most;
	if (call->began == 0)
		place = files_place(call, *room, &there);
	if (place == NULL)
		place = call_begin_output(call, *room);
	call->began = *room;
	return place;
}

void
call_end(struct call *call, size_t len)
{
	struct output *out = call->out;
	uint8_t *place = out->bytes + out->len;
	size_t head = len <= BIN8_MAX ? 2 : len <= BIN16_MAX ? 3 : BIN_HEAD_MAX;

	if (call_is_placed(call)) {
		files_end_placed(call, len);
		return;
	}
	assert(out->cap - out->len >= BIN_HEAD_MAX + len);
	/* a short header leaves a gap: at most 64 KiB are moved over it */
	if (head < BIN_HEAD_MAX)
		memmove(place + head, place + BIN_HEAD_MAX, len);
	msgpack_pack_bin(&call->pk, len);
	if (out->secret)
		explicit_bzero(place + head + len, BIN_HEAD_MAX - head);
	out->len += len;
}
