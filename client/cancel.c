#include <string.h>

#include "client/call.h"
#include "client/failure.h"
#include "client/handle.h"
#include "client/io.h"
#include "client/reply.h"

#define CANCEL_METHOD "cancel"

/* Whether a request of this number was ever made; if not, notes so. */
static bool
cancel_known(struct moro *m, uint64_t number)
{
	struct failure f;

	if (number != 0 && number <= m->requests.last)
		return true;
	failure_set(&f, MORO_NOT_FOUND,
	    "no request has the number %llu: nothing to cancel",
	    (unsigned long long)number);
	handle_note(m, &f);
	return false;
}

/* Makes the argument that names a request. NULL: no memory. */
static struct moro_map *
cancel_map(uint64_t number)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "msgid", (int64_t)number);
	return map;
}

/* Calls the method with a map, which is freed. */
static struct moro_reply *
cancel_call(struct moro *m, struct moro_map *map)
{
	struct request rq = {.type = CANCEL_METHOD,
	    .data = moro_map_data(map),
	    .len = moro_map_size(map)};
	struct moro_reply *reply = NULL;

	if (rq.data != NULL)
		reply = call_wait(m, &rq);
	moro_map_free(map);
	return reply;
}

struct moro_reply *
moro_cancel(struct moro *m, uint64_t number)
{
	if (handle_check(m) == -1 || !cancel_known(m, number))
		return reply_failed(&m->failure);
	return cancel_call(m, cancel_map(number));
}

struct moro_reply *
moro_cancel_id(struct moro *m, const char *id)
{
	struct moro_map *map = moro_map_new();

	moro_map_text(map, "id", id);
	return cancel_call(m, map);
}

struct moro_reply *
moro_cancel_other(struct moro *m, uint64_t client, uint64_t msgid)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "client", (int64_t)client);
	moro_map_number(map, "msgid", (int64_t)msgid);
	return cancel_call(m, map);
}

int
moro_cancel_soon(struct moro *m, uint64_t number)
{
	struct request rq = {.type = CANCEL_METHOD};
	struct moro_map *map;
	int rc;

	if (handle_check(m) == -1 || !cancel_known(m, number))
		return -1;
	handle_enter(m);
	map = cancel_map(number);
	rq.data = moro_map_data(map);
	rq.len = moro_map_size(map);
	rc = call_notify(m, &rq);
	moro_map_free(map);
	if (rc == 0)
		io_flush(m);
	handle_leave(m);
	return rc;
}
