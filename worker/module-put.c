#include "worker/module-put.h"

#include <string.h>

#include "worker/call.h"
#include "worker/module-run.h"
#include "worker/moro_module.h"

/* What is put: a worker does one task at a time. */
static struct {
	uint64_t wanted; /* values that are still to be put */
	bool any; /* one was */
	bool over; /* one was put that nobody wanted */
} put;

void
module_put_begin(void)
{
	put.wanted = 1;
	put.any = false;
	put.over = false;
}

bool
module_put_any(void)
{
	return put.any;
}

int64_t
module_put_missing(void)
{
	return put.over ? -1 : (int64_t)put.wanted;
}

/* A value is put, in which there are so many more to be put. */
static msgpack_packer *
put_value(struct moro_task *task, uint64_t inside)
{
	put.any = true;
	if (put.wanted == 0)
		put.over = true;
	else
		put.wanted += inside - 1;
	return &module_call(task)->pk;
}

void
moro_put_nil(struct moro_task *task)
{
	msgpack_pack_nil(put_value(task, 0));
}

void
moro_put_bool(struct moro_task *task, bool value)
{
	msgpack_packer *pk = put_value(task, 0);

	if (value)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

void
moro_put_int(struct moro_task *task, int64_t value)
{
	msgpack_pack_int64(put_value(task, 0), value);
}

void
moro_put_number(struct moro_task *task, double value)
{
	msgpack_pack_double(put_value(task, 0), value);
}

void
moro_put_text(struct moro_task *task, const char *text)
{
	moro_put_str(task, text, strlen(text));
}

void
moro_put_str(struct moro_task *task, const char *text, size_t len)
{
	msgpack_pack_str_with_body(put_value(task, 0), text, len);
}

void
moro_put_bytes(struct moro_task *task, const void *bytes, size_t len)
{
	msgpack_pack_bin_with_body(put_value(task, 0), bytes, len);
}

void
moro_put_value(struct moro_task *task, const struct moro_value *value)
{
	msgpack_packer *pk = put_value(task, 0);

	if (value == NULL)
		msgpack_pack_nil(pk);
	else
		msgpack_pack_object(pk, *module_object(value));
}

void
moro_put_array(struct moro_task *task, size_t elements)
{
	msgpack_pack_array(put_value(task, elements), elements);
}

void
moro_put_map(struct moro_task *task, size_t pairs)
{
	msgpack_pack_map(put_value(task, 2 * (uint64_t)pairs), pairs);
}

void *
moro_put_place(struct moro_task *task, enum moro_kind kind, size_t len)
{
	put_value(task, 0);
	return call_place(module_call(task), len, kind == MORO_KIND_STR);
}
