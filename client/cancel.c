#include <string.h>

#include "client/call.h"
#include "client/failure.h"
#include "client/handle.h"
#include "client/io.h"
#include "client/reply.h"
#include "client/resend.h"

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

/*
 * Notes that the program has enough of a request, so that it is not sent again.
 * Returns whether it waits here to be sent: it is answered then.
 */
static bool
cancel_here(struct moro *m, uint64_t number)
{
	struct pending *p = pending_find(&m->requests, number);

	if (p == NULL || p->state == PENDING_ANSWERED ||
	    p->state == PENDING_ENDED)
		return false;
	p->cancelled = true;
	if (!resend_holds(m) || p->letter == NULL || handle_sent(m, p) > 0)
		return false;
	resend_cancel(m, p);
	return true;
}

/* The answer to a request that was cancelled here. NULL: no memory. */
static struct moro_reply *
cancel_word(void)
{
	struct moro_map *map = moro_map_new();
	struct moro_reply *reply;

	moro_map_text(map, "state", "queued");
	reply = reply_made(moro_map_data(map), moro_map_size(map));
	moro_map_free(map);
	return reply;
}

/* Makes the argument that names a request. NULL: no memory. */
static struct moro_map *
cancel_map(uint64_t number)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "msgid", (int64_t)number);
	return map;
}

/* Calls the method with a map, which is freed; see `once` of struct request. */
static struct moro_reply *
cancel_call(struct moro *m, struct moro_map *map, bool once)
{
	struct request rq = {.type = CANCEL_METHOD,
	    .once = once,
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
	struct moro_reply *reply;

	handle_enter(m);
	if (handle_check(m) == -1 || !cancel_known(m, number))
		reply = reply_failed(&m->failure);
	else if (cancel_here(m, number))
		reply = cancel_word();
	else
		reply = cancel_call(m, cancel_map(number), false);
	handle_leave(m);
	return reply;
}

struct moro_reply *
moro_cancel_id(struct moro *m, const char *id)
{
	struct moro_map *map = moro_map_new();

	moro_map_text(map, "id", id);
	return cancel_call(m, map, false);
}

struct moro_reply *
moro_cancel_other(struct moro *m, uint64_t client, uint64_t msgid)
{
	struct moro_map *map = moro_map_new();

	moro_map_number(map, "client", (int64_t)client);
	moro_map_number(map, "msgid", (int64_t)msgid);
	return cancel_call(m, map, true);
}

/* Tells the server, which does not answer. */
static int
cancel_tell(struct moro *m, uint64_t number)
{
	struct request rq = {.type = CANCEL_METHOD};
	struct moro_map *map = cancel_map(number);
	int rc;

	rq.data = moro_map_data(map);
	rq.len = moro_map_size(map);
	rc = call_notify(m, &rq);
	moro_map_free(map);
	if (rc == 0)
		io_flush(m);
	return rc;
}

int
moro_cancel_soon(struct moro *m, uint64_t number)
{
	int rc = -1;

	handle_enter(m);
	if (handle_check(m) == 0 && cancel_known(m, number)) {
		/* without a server there is nobody else to tell */
		if (cancel_here(m, number) || resend_holds(m))
			rc = 0;
		else
			rc = cancel_tell(m, number);
	}
	handle_leave(m);
	return rc;
}
