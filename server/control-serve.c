/* serve: the connection is a worker's from now on. */

#include "server/control-parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/words.h"
#include "server/announce.h"
#include "server/answer.h"
#include "server/pool.h"
#include "server/program-types.h"
#include "server/reload.h"
#include "server/role.h"

#define SERVE_PARAMS_MAX 2 /* types and a map */
#define SERVE_WHY 256
#define SERVE_NAMES 128 /* bytes of pools' names in a message */

/* One call. */
struct serve_call {
	const char *pool; /* its name, not terminated; NULL: none is given */
	size_t pool_len;
	struct pool *to;
	uint64_t offers; /* the types, by index */
	uint32_t n; /* of them, with those that are there twice */
};

static bool
serve_pool(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
{
	struct serve_call *call = to;

	if (reader_text(value)) {
		call->pool = value->bytes;
		call->pool_len = (size_t)value->n;
		return true;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "pool takes a pool's name, not %s", reader_type_name(value->type));
	fault_add_text(&ctl->fault, "field", "pool");
	return false;
}

static const struct control_key serve_keys[] = {
    {"pool", serve_pool},
    {NULL, NULL},
};

/* Reads the second parameter. */
static bool
serve_read(struct control *ctl, struct serve_call *call)
{
	const struct frame *f = ctl->m->frame;
	struct reader r;
	struct item map;

	if (f->n_params > SERVE_PARAMS_MAX) {
		fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
		    "serve takes [types] or [types, {pool}], not %u values",
		    (unsigned int)f->n_params);
		fault_add_text(&ctl->fault, "field", "params");
		return false;
	}
	if (f->options.len == 0)
		return true;
	reader_init(&r, ctl->m->bytes + f->options.at, f->options.len);
	map = reader_next(&r);
	if (map.type == READER_NIL)
		return true;
	if (map.type == READER_MAP)
		return control_read_map(ctl, &r, map.n, serve_keys, call,
		    false);
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "serve takes a map with pool behind the types, not %s",
	    reader_type_name(map.type));
	fault_add_text(&ctl->fault, "field", "params");
	return false;
}

/* The only pool that takes workers; several: they are named. */
static struct pool *
serve_only_pool(struct control *ctl)
{
	char names[SERVE_NAMES] = "";
	struct pool *p, *found = NULL;
	size_t at = 0;
	uint32_t n = 0;

	TAILQ_FOREACH(p, &ctl->dispatcher->pools, link) {
		if (!p->served)
			continue;
		found = p;
		if (at < sizeof names)
			at += (size_t)snprintf(names + at, sizeof names - at,
			    "%s%s", n > 0 ? ", " : "", p->config->name);
		n++;
	}
	if (n == 1)
		return found;
	if (n == 0) {
		fault_set(&ctl->fault, CODE_UNSUPPORTED, NULL,
		    "no pool takes workers that dial in; a section [pool NAME] "
		    "with serve = own makes one");
		return NULL;
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "pool is needed, for several take workers that dial in: %s", names);
	fault_add_text(&ctl->fault, "field", "pool");
	return NULL;
}

/* The pool that is meant. NULL: it is not there, or takes no workers. */
static struct pool *
serve_find(struct control *ctl, const struct serve_call *call)
{
	struct pool *p;

	if (call->pool == NULL)
		return serve_only_pool(ctl);
	p = control_find_pool(ctl, call->pool, call->pool_len);
	if (p == NULL || p->served)
		return p;
	fault_set(&ctl->fault, CODE_UNSUPPORTED, NULL,
	    "pool %s takes no workers that dial in: its section has no serve",
	    p->config->name);
	fault_add_text(&ctl->fault, "field", "pool");
	return NULL;
}

/* Whether who calls may be a worker there. */
static bool
serve_allowed(struct control *ctl, const struct pool *p)
{
	if (role_may_serve(ctl->client, p))
		return true;
	fault_set(&ctl->fault, CODE_PERMISSION_DENIED, NULL,
	    "pool %s takes workers of the users that its serve names (%s), and "
	    "uid %u is none of them",
	    p->config->name, p->config->serve, (unsigned int)ctl->client->uid);
	role_note(ctl->client, &ctl->fault);
	return false;
}

/* Whether the connection is free to be another thing. */
static bool
serve_is_free(struct control *ctl)
{
	const struct client *c = ctl->client;

	if (ctl->dispatcher->draining) {
		fault_set(&ctl->fault, CODE_SHUTTING_DOWN, NULL,
		    "morod finishes what it has, and takes no more workers");
		return false;
	}
	if (c->n_tasks == 0 && !reload_is_awaited(ctl->dispatcher, c->number))
		return true;
	fault_set(&ctl->fault, CODE_UNSUPPORTED, NULL,
	    "a connection that has unfinished requests of its own cannot be a "
	    "worker's");
	return false;
}

/* Whether the configuration leaves it to workers which types there are. */
static bool
serve_may_offer(const struct pool_config *config,
    const struct program_type *said)
{
	const char *list = config->types, *name;
	size_t len;

	if (list == NULL)
		return true;
	while ((name = words_next(&list, &len)) != NULL) {
		if (len == said->name_len && memcmp(name, said->name, len) == 0)
			return true;
	}
	return false;
}

/* Looks whether a type can be: all of them, before any is taken. */
static bool
serve_check_type(void *to, const struct program_type *said, char *why,
    size_t size)
{
	struct serve_call *call = to;
	const struct pool_config *config = call->to->config;

	call->n++;
	if (!program_types_check(config->name, said, why, size))
		return false;
	if (serve_may_offer(config, said))
		return true;
	snprintf(why, size, "%.*s is not among the types of pool %s: %s",
	    (int)said->name_len, said->name, config->name, config->types);
	return false;
}

static bool
serve_take_type(void *to, const struct program_type *said, char *why,
    size_t size)
{
	struct serve_call *call = to;
	const struct route *r = announce_type(call->to, said, why, size);

	if (r == NULL)
		return false;
	call->offers |= UINT64_C(1) << r->index;
	return true;
}

/* Goes through the types that are offered. False: they cannot be. */
static bool
serve_types(struct control *ctl, struct serve_call *call, announce_cb take)
{
	static const uint8_t nil = 0xc0;
	const struct frame *f = ctl->m->frame;
	const uint8_t *at = f->data.len > 0 ? ctl->m->bytes + f->data.at : &nil;
	char why[SERVE_WHY] = "types takes an array of one or more";

	if (announce_read(at, f->data.len > 0 ? f->data.len : 1, take, call,
		why, sizeof why) &&
	    call->n > 0)
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL, "%s", why);
	fault_add_text(&ctl->fault, "field", "types");
	return false;
}

/* A slot for it; NULL: all are taken. */
static struct slot *
serve_seat(struct control *ctl, struct pool *p)
{
	struct slot *s = pool_seat(p);

	if (s != NULL)
		return s;
	fault_set(&ctl->fault, CODE_QUEUE_FULL, "workers",
	    "pool %s has %u workers, as many as may be there", p->config->name,
	    (unsigned int)p->scale.target);
	fault_add_number(&ctl->fault, "limit", p->scale.target);
	return NULL;
}

/* Tells it what it is; before anything else that goes to it. */
static void
serve_answer(struct slot *s, uint64_t msgid)
{
	struct answer a;

	answer_begin(&a, msgid);
	msgpack_pack_map(&a.pk, 2);
	answer_text(&a.pk, "pool");
	answer_text(&a.pk, s->pool->config->name);
	answer_number(&a.pk, "worker", s->number + 1);
	if (packed_send(&a.packed, &s->worker->conn) == -1)
		slot_kill(s); /* no memory: half of it may be there */
	packed_clear(&a.packed);
}

/* Gives the connection to a slot. False: it cannot be. */
static bool
serve_begin(struct control *ctl, struct serve_call *call)
{
	uint64_t msgid = ctl->m->frame->msgid;
	struct slot *s = serve_seat(ctl, call->to);

	if (s == NULL)
		return false;
	if (!serve_types(ctl, call, serve_take_type)) {
		pool_unseat(s);
		return false;
	}
	if (slot_serve(s, ctl->client, call->offers) == -1) {
		fault_set(&ctl->fault, CODE_INTERNAL, NULL,
		    "the connection cannot be a worker's: %s", strerror(errno));
		pool_unseat(s);
		return false;
	}
	serve_answer(s, msgid);
	return true;
}

/* serve [types] or [types, {pool}]. */
void
control_serve(struct control *ctl)
{
	struct serve_call call = {.pool = NULL};

	if (!serve_read(ctl, &call) || !serve_is_free(ctl) ||
	    (call.to = serve_find(ctl, &call)) == NULL ||
	    !serve_allowed(ctl, call.to) ||
	    !serve_types(ctl, &call, serve_check_type) ||
	    !serve_begin(ctl, &call))
		control_refuse(ctl);
}
