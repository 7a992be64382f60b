#include "worker/module-input.h"

#include <string.h>

#include "worker/blob.h"
#include "worker/call.h"
#include "worker/field.h"
#include "worker/module-run.h"
#include "worker/module-table.h"

/* The field that is read piece by piece: a worker does one task at a time. */
static struct {
	struct blob blob;
	unsigned int field;
	bool begun;
} input;

void
module_input_begin(void)
{
	input.begun = false;
}

static const msgpack_object *
input_given(const struct moro_task *task, unsigned int field)
{
	const struct call *call = module_call(task);

	if (call->type->fields == NULL ||
	    field >= field_count(call->type->fields))
		return NULL;
	return call->args[field];
}

/* A field's value, or the fallback of one that was not given, or NULL. */
static const msgpack_object *
input_field(const struct moro_task *task, unsigned int field)
{
	const struct call *call = module_call(task);
	const struct module_type *type =
	    (const struct module_type *)(const void *)call->type;
	const msgpack_object *given = input_given(task, field);

	if (given != NULL || type->fallbacks == NULL ||
	    field >= field_count(type->type.fields) ||
	    type->fallbacks[field].type == MSGPACK_OBJECT_NIL)
		return given;
	return &type->fallbacks[field];
}

const struct moro_value *
moro_task_value(const struct moro_task *task, unsigned int field)
{
	return module_value(input_field(task, field));
}

const struct moro_value *
moro_task_data(const struct moro_task *task)
{
	return module_value(module_call(task)->data);
}

bool
moro_task_has(const struct moro_task *task, unsigned int field)
{
	return input_given(task, field) != NULL;
}

int64_t
moro_task_int(const struct moro_task *task, unsigned int field)
{
	return moro_value_int(moro_task_value(task, field));
}

double
moro_task_number(const struct moro_task *task, unsigned int field)
{
	return moro_value_number(moro_task_value(task, field));
}

bool
moro_task_bool(const struct moro_task *task, unsigned int field)
{
	return moro_value_bool(moro_task_value(task, field));
}

int
moro_task_choice(const struct moro_task *task, unsigned int field)
{
	const msgpack_object *value = input_field(task, field);
	const char *const *allowed;

	if (value == NULL)
		return -1;
	allowed = module_call(task)->type->fields[field].allowed;
	for (int i = 0; allowed != NULL && allowed[i] != NULL; i++) {
		if (call_is(value, allowed[i]))
			return i;
	}
	return -1;
}

/* Has a field that was given in memory. Returns 0, or -1 with the error set. */
static int
input_load(struct moro_task *task, unsigned int field)
{
	struct call *call = module_call(task);
	const msgpack_object *value = input_given(task, field);

	if (value == NULL)
		return 0;
	return call_load(call, call->type->fields[field].name, value);
}

const void *
moro_task_bytes(struct moro_task *task, unsigned int field, size_t *len)
{
	*len = 0;
	if (input_load(task, field) == -1)
		return NULL;
	return moro_value_bytes(moro_task_value(task, field), len);
}

int
moro_task_text(struct moro_task *task, unsigned int field, char *out,
    size_t size)
{
	size_t len;
	const void *bytes;
	const char *name;

	out[0] = '\0';
	if (input_load(task, field) == -1)
		return -1;
	bytes = moro_task_bytes(task, field, &len);
	if (bytes == NULL || len == 0)
		return 0;
	name = module_call(task)->type->fields[field].name;
	if (len > size - 1)
		return call_invalid(module_call(task), name,
		    "%s takes at most %zu bytes, not %zu", name, size - 1, len);
	if (memchr(bytes, '\0', len) != NULL)
		return call_invalid(module_call(task), name,
		    "%s takes no text with a NUL in it", name);
	memcpy(out, bytes, len);
	out[len] = '\0';
	return 0;
}

int
moro_task_read(struct moro_task *task, unsigned int field, const void **at,
    size_t *len)
{
	struct call *call = module_call(task);
	const msgpack_object *value = input_field(task, field);
	const uint8_t *piece;

	*at = NULL;
	*len = 0;
	if (value == NULL ||
	    (!files_is_range(value) && (field_kind(value) & FIELD_TEXT) == 0))
		return 0;
	if (!input.begun || input.field != field) {
		if (blob_init(&input.blob, call, call->type->fields[field].name,
			value) == -1)
			return -1;
		input.field = field;
		input.begun = true;
	}
	if (blob_next(&input.blob, call, &piece, len) == -1)
		return -1;
	*at = piece;
	return 0;
}

enum moro_kind
moro_value_kind(const struct moro_value *value)
{
	unsigned int kind;

	if (value == NULL)
		return MORO_KIND_NIL;
	kind = field_kind(module_object(value));
	return kind != 0 ? (enum moro_kind)kind : MORO_KIND_OTHER;
}

/* Whether it is of one of these kinds. */
static bool
value_is(const struct moro_value *value, unsigned int kinds)
{
	return value != NULL && (moro_value_kind(value) & kinds) != 0;
}

int64_t
moro_value_int(const struct moro_value *value)
{
	return value_is(value, MORO_KIND_INT)
		   ? call_int(module_object(value), 0)
		   : 0;
}

double
moro_value_number(const struct moro_value *value)
{
	return value_is(value, MORO_KIND_NUMBER)
		   ? call_number(module_object(value), 0)
		   : 0;
}

bool
moro_value_bool(const struct moro_value *value)
{
	return value_is(value, MORO_KIND_BOOL) &&
	       call_bool(module_object(value), false);
}

const void *
moro_value_bytes(const struct moro_value *value, size_t *len)
{
	static const char none[1];
	const uint8_t *bytes;

	*len = 0;
	if (!value_is(value, MORO_KIND_TEXT))
		return NULL;
	bytes = call_bytes(module_object(value), len);
	return *len > 0 ? (const void *)bytes : none;
}

size_t
moro_value_count(const struct moro_value *value)
{
	if (value_is(value, MORO_KIND_ARRAY))
		return module_object(value)->via.array.size;
	if (value_is(value, MORO_KIND_MAP))
		return module_object(value)->via.map.size;
	return 0;
}

const struct moro_value *
moro_value_item(const struct moro_value *value, size_t i)
{
	const msgpack_object *o = module_object(value);

	if (i >= moro_value_count(value))
		return NULL;
	return module_value(o->type == MSGPACK_OBJECT_ARRAY
				? &o->via.array.ptr[i]
				: &o->via.map.ptr[i].val);
}

const struct moro_value *
moro_value_key(const struct moro_value *value, size_t i)
{
	if (!value_is(value, MORO_KIND_MAP) || i >= moro_value_count(value))
		return NULL;
	return module_value(&module_object(value)->via.map.ptr[i].key);
}

const struct moro_value *
moro_value_find(const struct moro_value *map, const char *name)
{
	for (size_t i = 0; i < moro_value_count(map); i++) {
		const struct moro_value *key = moro_value_key(map, i);

		if (key != NULL && call_is(module_object(key), name))
			return moro_value_item(map, i);
	}
	return NULL;
}
