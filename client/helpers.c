#include <string.h>

#include <msgpack.h>

#include "client/call.h"
#include "client/choices.h"
#include "client/failure.h"
#include "client/moro.h"
#include "client/reply.h"

/* The answer to a call whose options are refused before it is sent. */
static struct moro_reply *
helper_refuse(const char *option, const char *takes)
{
	struct failure f;

	failure_set(&f, MORO_INVALID_OPTION, "option %s takes %s", option,
	    takes);
	fault_add_text(&f.fault, "option", option);
	return reply_failed(&f);
}

struct moro_reply *
moro_execute_task(struct moro *m, const char *id, const char *type,
    const void *data, size_t len, enum moro_priority priority,
    uint64_t timeout_ms)
{
	struct moro_options *o = moro_options_new();
	struct moro_reply *reply;

	if (o == NULL)
		return NULL;
	if (id != NULL && moro_options_set_id(o, id) == -1)
		reply = helper_refuse("id", "a string of 1 to 256 bytes");
	else if (moro_options_set_priority(o, priority) == -1)
		reply = helper_refuse("priority",
		    "\"high\", \"normal\" or \"low\"");
	else if (moro_options_set_timeout(o, timeout_ms) == -1)
		reply = helper_refuse("timeout",
		    "whole milliseconds from 1 to 2^32 - 1");
	else
		reply = moro_call(m, type, data, len, o);
	moro_options_free(o);
	return reply;
}

struct moro_reply *
moro_call_batch(struct moro *m, const char *type, const struct moro_list *list,
    const struct moro_options *options)
{
	struct moro_options *o = choices_copy(options);
	const void *data = moro_list_data(list);
	struct moro_reply *reply = NULL;

	if (o != NULL && data != NULL) {
		moro_options_set_batch(o, 1);
		reply = moro_call(m, type, data, moro_list_size(list), o);
	}
	moro_options_free(o);
	return reply;
}

struct moro_reply *
moro_ping(struct moro *m)
{
	return moro_call(m, "ping", NULL, 0, NULL);
}

struct moro_reply *
moro_stats(struct moro *m)
{
	return moro_call(m, "stats", NULL, 0, NULL);
}

struct moro_reply *
moro_types(struct moro *m, const char *name)
{
	struct msgpack_object object;

	if (name == NULL)
		return moro_call(m, "types", NULL, 0, NULL);
	object.type = MSGPACK_OBJECT_STR;
	object.via.str.ptr = name;
	object.via.str.size = (uint32_t)strlen(name);
	return moro_call_object(m, "types", &object, NULL);
}

struct moro_reply *
moro_shutdown(struct moro *m)
{
	return moro_call(m, "shutdown", NULL, 0, NULL);
}
