#include "server/submit.h"

#include <inttypes.h>
#include <string.h>

#include "proto/envelope.h"
#include "proto/options.h"
#include "server/answer.h"
#include "server/batch.h"
#include "server/dispatcher.h"
#include "server/life.h"
#include "server/progress.h"
#include "server/role.h"
#include "server/room.h"

#define SUBMIT_PARAMS_MAX 2 /* data and options */

/* One submission on its way to be a task. */
struct submission {
	struct client *client;
	struct dispatcher *dispatcher;
	const struct message_in *m;
	struct route *route;
	const struct options *options;
	struct options given; /* *options, if there are any */
	const uint8_t *data; /* header included */
	size_t data_len;
	bool lost; /* and the connection cannot go on */
	bool waits; /* for room, before more is read */
	struct fdset *fdset; /* descriptors that are its own, or NULL */
	struct fault fault; /* why it is refused */
};

static const uint8_t submit_nil = ENVELOPE_NIL;
static const struct options submit_no_options = OPTIONS_NONE;

/*
 * What stands in memory is to be overwritten: at once, if the task has a copy or
 * there is none, or when the last one who uses the chunk is done with it.
 */
static void __attribute__((cold, noinline))
submit_wipe(const struct submission *sub, const struct task *t)
{
	const struct message_in *m = sub->m;
	size_t at = (size_t)(m->bytes - m->chunk->bytes);

	if (t != NULL && t->place == TASK_IN_CHUNK)
		chunk_set_secret(m->chunk, m->bytes + m->frame->size);
	else
		chunk_forget(m->chunk, m->chunk->bytes + at, m->frame->size);
}

/* Refuses with what is in sub->fault; a notification gets no answer. */
static void
submit_refuse(struct submission *sub)
{
	const struct frame *f = sub->m->frame;

	sub->client->refused++;
	metrics_refused(sub->dispatcher, sub->route, sub->options->priority,
	    &sub->fault);
	if (f->kind == FRAME_NOTIFY)
		sub->dispatcher->counters.notifications_ignored++;
	else
		answer_fault(sub->client, f->msgid, &sub->fault);
}

/*
 * Finds the route of a method; mostly it is the last one again. False: it is no
 * task type. With a route of NULL it is one that is not known.
 */
static bool
submit_route(struct submission *sub)
{
	struct dispatcher *d = sub->dispatcher;
	const char *name =
	    (const char *)sub->m->bytes + sub->m->frame->method.at;
	size_t len = sub->m->frame->method.len;
	struct route *r = d->last_route;

	if (r == NULL || r->name_len != len ||
	    memcmp(r->name, name, len) != 0) {
		if (memchr(name, ':', len) == NULL)
			return false;
		r = route_find(d->routes, name, len);
		d->last_route = r;
	}
	sub->route = r;
	return true;
}

/* Checks the type, reads data's place and the options. */
static bool
submit_read(struct submission *sub)
{
	const struct frame *f = sub->m->frame;
	const uint8_t *bytes = sub->m->bytes;

	if (sub->route == NULL) {
		route_unknown(&sub->fault, (const char *)bytes + f->method.at,
		    f->method.len);
		return false;
	}
	if (f->n_params > SUBMIT_PARAMS_MAX) {
		fault_set(&sub->fault, CODE_INVALID_ARGUMENT, NULL,
		    "params takes [data] or [data, options], not %" PRIu32
		    " values",
		    f->n_params);
		fault_add_text(&sub->fault, "field", "params");
		return false;
	}
	sub->data = f->data.len > 0 ? bytes + f->data.at : &submit_nil;
	sub->data_len = f->data.len > 0 ? f->data.len : 1;
	if (f->options.len == 0)
		return true;
	if (options_parse(&sub->given, bytes + f->options.at, f->options.len,
		&sub->fault) == -1)
		return false;
	sub->options = &sub->given;
	if (!sub->given.batch || f->kind == FRAME_REQUEST)
		return true;
	fault_set(&sub->fault, CODE_INVALID_OPTION, NULL,
	    "batch is for requests: a notification has no answer");
	return false;
}

/* The msgid and the id must be free, or an answer could not be told apart. */
static bool
submit_check_ids(struct submission *sub)
{
	const struct frame *f = sub->m->frame;

	if (f->kind == FRAME_REQUEST &&
	    msgids_find(&sub->dispatcher->msgids, sub->client, f->msgid)) {
		fault_set(&sub->fault, CODE_DUPLICATE_ID, "msgid",
		    "msgid %" PRIu64 " belongs to an unfinished task",
		    f->msgid);
		return false;
	}
	return true;
}

/*
 * Whether there is room for one more task. Who would rather wait than be refused
 * is let in, and not read from until there is.
 */
static bool
submit_check_room(struct submission *sub)
{
	struct room room = {
	    .client = sub->client,
	    .route = sub->route,
	    .bytes = sub->data_len,
	    .n_fds = sub->fdset != NULL ? sub->fdset->n : 0,
	};

	if (room_check(&room, &sub->fault))
		return true;
	sub->waits = sub->options->wait_when_full && room_may_wait(&room);
	return sub->waits;
}

/* Fills the record. */
static void
submit_fill(struct submission *sub, struct task *t)
{
	const struct options *o = sub->options;

	t->client = sub->client;
	t->msgid = sub->m->frame->msgid;
	t->notify = sub->m->frame->kind == FRAME_NOTIFY;
	t->route = sub->route;
	t->priority = o->priority == PRIORITY_N ? sub->route->priority
						: (uint8_t)o->priority;
}

/* Whether a task says itself how long it may take. */
static bool
submit_has_limits(const struct options *o)
{
	return o->timeout_ms != 0 || o->queue_timeout_ms != 0 ||
	       o->run_timeout_ms != 0;
}

/* Whether the task has what only some have. */
static bool
submit_needs_extra(const struct submission *sub)
{
	const struct options *o = sub->options;
	const struct route *r = sub->route;

	if (r->extra)
		return true;
	if (o == &submit_no_options)
		return false;
	return o->id != NULL || o->batch || submit_has_limits(o) ||
	       o->has_grace || o->has_idempotent || o->has_retry ||
	       o->progress || sub->fdset != NULL;
}

/*
 * Its limits in time, or if it gives none those of its type. Of a batch only
 * `timeout` is for the whole: batch.c gives its members the others.
 */
static void
submit_fill_limits(const struct submission *sub, struct task_extra *e)
{
	const struct options *o = sub->options;
	const struct route *r = sub->route;

	if (o->batch) {
		e->timeout_ms = o->timeout_ms;
		return;
	}
	if (submit_has_limits(o)) {
		e->timeout_ms = o->timeout_ms;
		e->queue_timeout_ms = o->queue_timeout_ms;
		e->run_timeout_ms = o->run_timeout_ms;
		return;
	}
	e->queue_timeout_ms = r->queue_timeout_ms;
	e->run_timeout_ms = r->run_timeout_ms;
	if (!r->spares_files || sub->fdset == NULL)
		e->timeout_ms = r->timeout_ms;
}

/* Gives the record what only some tasks have. Returns 0, or -1: no memory. */
static int
submit_fill_extra(struct submission *sub, struct task *t)
{
	const struct options *o = sub->options;

	if (!submit_needs_extra(sub))
		return 0;
	if (task_add_extra(sub->dispatcher->tasks, t) == -1)
		return -1;
	submit_fill_limits(sub, t->extra);
	if (sub->fdset != NULL)
		task_attach(t, sub->fdset);
	t->extra->secret = sub->route->secret;
	t->extra->result_fd = o->result_fd;
	sub->fdset = NULL;
	t->extra->has_grace = o->has_grace;
	t->extra->cancel_grace_ms = o->cancel_grace_ms;
	t->extra->has_idempotent = o->has_idempotent;
	t->extra->idempotent = o->idempotent;
	t->extra->has_retry = o->has_retry;
	t->extra->retry = o->retry;
	if (o->progress && !t->notify)
		return progress_want(sub->dispatcher, t);
	return 0;
}

static void
submit_no_memory(struct submission *sub)
{
	fault_set(&sub->fault, CODE_INTERNAL, NULL, "morod is out of memory");
}

/* Makes the head of a batch of it, if it is one; *said: the fault is set. */
static int
submit_fill_batch(struct submission *sub, struct task *t, bool *said)
{
	if (!sub->options->batch)
		return 0;
	*said = batch_init(sub->dispatcher, t, sub->options, &sub->fault) == -1;
	return *said ? -1 : 0;
}

/* Makes the record. NULL with the fault set when it cannot. */
static struct task *
submit_make(struct submission *sub)
{
	struct task *t = task_new(sub->dispatcher->tasks);
	const struct options *o = sub->options;
	bool duplicate = false, said = false;

	if (t == NULL) {
		submit_no_memory(sub);
		return NULL;
	}
	submit_fill(sub, t);
	if (pool_prepare(sub->route->pool, sub->client) == 0 &&
	    submit_fill_extra(sub, t) == 0 &&
	    task_keep_data(sub->dispatcher->tasks, t, sub->data, sub->data_len,
		sub->m->chunk) == 0 &&
	    submit_fill_batch(sub, t, &said) == 0 &&
	    (o->id == NULL || client_name_task(sub->client, t, o->id, o->id_len,
				  &duplicate) == 0))
		return t;
	if (duplicate) {
		fault_set(&sub->fault, CODE_DUPLICATE_ID, "id",
		    "id \"%.*s\" belongs to an unfinished task", (int)o->id_len,
		    o->id);
		fault_add_text(&sub->fault, "option", "id");
	} else if (!said) {
		submit_no_memory(sub);
	}
	batch_free(t);
	if (t->extra != NULL)
		progress_free(sub->dispatcher, t);
	task_free(sub->dispatcher->tasks, t);
	return NULL;
}

/* Whether morod, and the pool, take tasks at all. */
static bool
submit_check_open(struct submission *sub)
{
	const struct pool *p = sub->route->pool;

	if (!role_may_submit(sub->client, sub->route->index)) {
		role_refuse_task(sub->client, sub->route, &sub->fault);
		return false;
	}
	if (p->breaker.state == POOL_DOWN) {
		pool_down_fault(p, &sub->fault);
		return false;
	}
	if (!sub->dispatcher->closed)
		return true;
	fault_set(&sub->fault, CODE_SHUTTING_DOWN, NULL,
	    "morod finishes what it has and takes no more tasks");
	return false;
}

/*
 * Takes the descriptors of the request, whatever comes of it otherwise: the
 * next ones belong to the next request.
 */
static bool
submit_take_fds(struct submission *sub)
{
	const struct frame *f = sub->m->frame;
	struct client *c = sub->client;
	uint32_t n = 0, unfit;
	int rc;

	if (f->options.len > 1)
		n = options_fds(sub->m->bytes + f->options.at, f->options.len);
	if (n == 0)
		return true;
	rc = client_take_fds(c, n, &sub->fdset);
	if (!client_may_pass(c)) {
		fault_set(&sub->fault, CODE_PERMISSION_DENIED, NULL,
		    "fds: descriptors are taken from root and the server's own "
		    "user, and from others with --files-for-all");
		role_note(c, &sub->fault);
		return false;
	}
	if (!c->fd_feature) {
		fault_set(&sub->fault, CODE_UNSUPPORTED, "fds",
		    "fds needs the feature \"fd\", asked for in hello");
		return false;
	}
	if (rc == -1) {
		fault_set(&sub->fault, CODE_PROTOCOL_ERROR, "fds",
		    "fds is %u, and so many descriptors have not come", n);
		sub->lost = true;
		return false;
	}
	if (sub->route != NULL && !pool_takes_files(sub->route->pool)) {
		fault_set(&sub->fault, CODE_UNSUPPORTED, "fds",
		    "pool %s takes no descriptors: its workers may be other "
		    "users' (serve)",
		    sub->route->pool->config->name);
		return false;
	}
	if (sub->fdset == NULL) {
		submit_no_memory(sub);
		return false;
	}
	unfit = fdset_unfit(sub->fdset);
	if (unfit < n) {
		fault_set(&sub->fault, CODE_INVALID_ARGUMENT, "fds",
		    "fds takes regular files and memfds, and descriptor %u is "
		    "none",
		    unfit);
		fault_add_text(&sub->fault, "field", "fds");
		return false;
	}
	return true;
}

/* It is the server's from here on. */
static void
submit_accept(struct submission *sub, struct task *t)
{
	if (!sub->options->batch) {
		life_queue(sub->dispatcher, t);
		return;
	}
	life_gather(sub->dispatcher, t);
	batch_go_on(sub->dispatcher, t);
}

bool
submit_task(struct client *c, const struct message_in *m)
{
	struct submission sub;
	struct task *t = NULL;

	/* No initializer: it would clear the room for a fault each time. */
	sub.client = c;
	sub.dispatcher = c->dispatcher;
	sub.m = m;
	sub.fdset = NULL;
	sub.lost = sub.waits = false;
	sub.options = &submit_no_options;
	if (!submit_route(&sub))
		return false;
	sub.dispatcher->counters.submitted++;
	if (submit_take_fds(&sub) && submit_read(&sub) &&
	    submit_check_open(&sub) && submit_check_ids(&sub) &&
	    submit_check_room(&sub))
		t = submit_make(&sub);
	if (t != NULL) {
		if (t->extra != NULL && t->extra->secret)
			submit_wipe(&sub, t);
		submit_accept(&sub, t);
		if (sub.waits)
			room_wait(c, sub.route);
		return true;
	}
	submit_refuse(&sub);
	/* a name that is not known may be a secret type's, misspelt */
	if (sub.route == NULL || sub.route->secret)
		submit_wipe(&sub, NULL);
	fdset_unref(sub.fdset);
	if (sub.lost)
		client_close_soon(c);
	return true;
}
