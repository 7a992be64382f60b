#include "worker/module-put.h"

#include <string.h>

#include "proto/limit.h"
#include "worker/call.h"
#include "worker/module-run.h"
#include "worker/moro_module.h"

/* What is put: a worker does one task at a time. */
static struct {
	uint32_t limit; /* values that there may be */
	uint64_t values; /* that there are, or were announced */
	uint64_t
	    left[LIMIT_DEPTH_MAX]; /* values to come, for each that is open */
	uint32_t depth; /* containers open */
	bool any; /* something was put */
	bool over; /* one was put that nobody wanted */
	bool deep; /* there was one container too many in the others */
} put = {.limit = LIMIT_VALUES_DEFAULT};

void
module_put_limit(uint32_t values)
{
	put.limit = values;
}

void
module_put_begin(void)
{
	put.values = 1;
	put.depth = 0;
	put.any = put.over = put.deep = false;
}

bool
module_put_any(void)
{
	return put.any;
}

int64_t
module_put_missing(void)
{
	uint64_t n = put.any ? 0 : 1;

	if (put.over)
		return -1;
	for (uint32_t i = 0; i < put.depth; i++)
		n += put.left[i];
	return (int64_t)n;
}

/* Whether more would be too much. */
static bool
put_is_full(void)
{
	return put.deep || put.values > put.limit;
}

int
module_put_check(struct call *call)
{
	if (put.deep)
		call_fail(call, CODE_TOO_LARGE,
		    "the result has more than %u containers in one another",
		    LIMIT_DEPTH_MAX);
	else if (put.values > put.limit)
		call_fail(call, CODE_TOO_LARGE,
		    "the result has more than %u values",
		    (unsigned int)put.limit);
	if (!put_is_full())
		return 0;
	fault_add_number(&call->fault, "limit",
	    put.deep ? LIMIT_DEPTH_MAX : put.limit);
	return -1;
}

/* Whether nothing more is put: what is wrong is told at the end. */
static bool
put_is_ended(void)
{
	return put.over || put_is_full();
}

/* A value is there: one less to come for what it stands in. */
static void
put_take(void)
{
	if (put.depth > 0)
		put.left[put.depth - 1]--;
	else
		put.over = put.any;
	put.any = true;
}

/* Closes what has all its values. */
static void
put_close(void)
{
	while (put.depth > 0 && put.left[put.depth - 1] == 0)
		put.depth--;
}

/* Counts a value that is no container. Whether it is to be packed. */
static bool
put_count(void)
{
	if (put_is_ended())
		return false;
	put_take();
	put_close();
	return !put_is_ended();
}

/* Counts a container with n times `each` values to come. Likewise. */
static bool
put_open(uint64_t n, uint64_t each)
{
	uint64_t inside = (n < UINT32_MAX ? n : UINT32_MAX) * each;

	if (put_is_ended())
		return false;
	put_take();
	put.deep = put.depth == LIMIT_DEPTH_MAX;
	put.values += inside;
	if (put_is_ended())
		return false;
	put.left[put.depth++] = inside;
	put_close();
	return true;
}

/* Counts a value with all that is in it. Likewise. */
static bool
put_count_object(const msgpack_object *o)
{
	if (o->type == MSGPACK_OBJECT_ARRAY) {
		put_open(o->via.array.size, 1);
		for (uint32_t i = 0; i < o->via.array.size; i++)
			put_count_object(&o->via.array.ptr[i]);
	} else if (o->type == MSGPACK_OBJECT_MAP) {
		put_open(o->via.map.size, 2);
		for (uint32_t i = 0; i < o->via.map.size; i++) {
			put_count_object(&o->via.map.ptr[i].key);
			put_count_object(&o->via.map.ptr[i].val);
		}
	} else {
		put_count();
	}
	return !put_is_ended();
}

static msgpack_packer *
put_packer(struct moro_task *task)
{
	return &module_call(task)->pk;
}

void
moro_put_nil(struct moro_task *task)
{
	if (put_count())
		msgpack_pack_nil(put_packer(task));
}

void
moro_put_bool(struct moro_task *task, bool value)
{
	if (!put_count())
		return;
	if (value)
		msgpack_pack_true(put_packer(task));
	else
		msgpack_pack_false(put_packer(task));
}

void
moro_put_int(struct moro_task *task, int64_t value)
{
	if (put_count())
		msgpack_pack_int64(put_packer(task), value);
}

void
moro_put_number(struct moro_task *task, double value)
{
	if (put_count())
		msgpack_pack_double(put_packer(task), value);
}

void
moro_put_text(struct moro_task *task, const char *text)
{
	moro_put_str(task, text, strlen(text));
}

void
moro_put_str(struct moro_task *task, const char *text, size_t len)
{
	if (put_count())
		msgpack_pack_str_with_body(put_packer(task), text, len);
}

void
moro_put_bytes(struct moro_task *task, const void *bytes, size_t len)
{
	if (put_count())
		msgpack_pack_bin_with_body(put_packer(task), bytes, len);
}

void
moro_put_value(struct moro_task *task, const struct moro_value *value)
{
	if (value == NULL)
		moro_put_nil(task);
	else if (put_count_object(module_object(value)))
		msgpack_pack_object(put_packer(task), *module_object(value));
}

void
moro_put_array(struct moro_task *task, size_t elements)
{
	if (put_open(elements, 1))
		msgpack_pack_array(put_packer(task), elements);
}

void
moro_put_map(struct moro_task *task, size_t pairs)
{
	if (put_open(pairs, 2))
		msgpack_pack_map(put_packer(task), pairs);
}

void *
moro_put_place(struct moro_task *task, enum moro_kind kind, size_t len)
{
	struct call *call = module_call(task);

	if (put_count())
		return call_place(call, len, kind == MORO_KIND_STR);
	if (module_put_check(call) == 0)
		call_fail(call, CODE_WORKER_ERROR, "%s put more than one value",
		    call->type->name);
	return NULL;
}
