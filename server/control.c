#include "server/control.h"

#include <stdio.h>
#include <string.h>

#include "server/answer.h"
#include "server/control-parts.h"
#include "server/log.h"
#include "server/pool.h"
#include "server/reload.h"
#include "server/role.h"
#include "worker/registry.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTROL_USERS (ROLE_SUBMIT | ROLE_ADMIN)
#define CONTROL_KEY 64 /* bytes of a key in a message, its NUL included */

typedef void (*control_cb)(struct control *ctl);

void
control_refuse(struct control *ctl)
{
	if (ctl->m->frame->kind == FRAME_NOTIFY)
		ctl->dispatcher->counters.notifications_ignored++;
	else
		answer_fault(ctl->client, ctl->m->frame->msgid, &ctl->fault);
}

void
control_invalid(struct control *ctl, const char *field, const char *takes,
    enum reader_type given)
{
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "%s takes %s, not %s", field, takes, reader_type_name(given));
	fault_add_text(&ctl->fault, "field", field);
	control_refuse(ctl);
}

struct item
control_argument(const struct control *ctl, struct reader *r)
{
	static const uint8_t nil = 0xc0;
	const struct frame *f = ctl->m->frame;

	if (f->data.len == 0)
		reader_init(r, &nil, 1);
	else
		reader_init(r, ctl->m->bytes + f->data.at, f->data.len);
	return reader_next(r);
}

bool
control_may(struct control *ctl, unsigned int roles, const char *method)
{
	if (roles == 0 || role_has(ctl->client, roles))
		return true;
	role_refuse_method(ctl->client, roles, method, &ctl->fault);
	control_refuse(ctl);
	return false;
}

bool
control_is_notify(const struct control *ctl)
{
	return ctl->m->frame->kind == FRAME_NOTIFY;
}

void
control_agree(struct control *ctl)
{
	struct answer a;

	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_true(&a.pk);
	answer_end(&a, ctl->client);
}

/* A key that no method of that name has. */
static bool
control_unknown_key(struct control *ctl, const struct item *key)
{
	char name[CONTROL_KEY] = "";

	if (reader_text(key))
		snprintf(name, sizeof name, "%.*s",
		    key->n < sizeof name ? (int)key->n : (int)sizeof name - 1,
		    key->bytes);
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "unknown argument \"%s\" of %.*s", name,
	    (int)ctl->m->frame->method.len,
	    (const char *)ctl->m->bytes + ctl->m->frame->method.at);
	fault_add_text(&ctl->fault, "field", name);
	return false;
}

/* Takes one pair, whose value stands alone in `one`. */
static bool
control_take_pair(struct control *ctl, const struct item *key,
    struct reader *one, const struct control_key *keys, void *to, bool lenient)
{
	struct item value = reader_next(one);

	for (; keys->key != NULL; keys++) {
		if (reader_is(key, keys->key))
			return keys->take(ctl, to, &value, one);
	}
	return lenient || control_unknown_key(ctl, key);
}

struct pool *
control_find_pool(struct control *ctl, const char *name, size_t len)
{
	struct pool *p;

	TAILQ_FOREACH(p, &ctl->dispatcher->pools, link) {
		if (strlen(p->config->name) == len &&
		    memcmp(p->config->name, name, len) == 0)
			return p;
	}
	fault_set(&ctl->fault, CODE_NOT_FOUND, NULL, "no pool \"%.*s\"",
	    len < CONFIG_NAME_MAX ? (int)len : CONFIG_NAME_MAX, name);
	fault_add_text(&ctl->fault, "field", "pool");
	return NULL;
}

bool
control_read_map(struct control *ctl, struct reader *r, uint64_t n,
    const struct control_key *keys, void *to, bool lenient)
{
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *start;
		struct reader one;
		size_t len = reader_skip(r, &start);

		reader_init(&one, start, len);
		struct item key = reader_next(&one);
		len = reader_skip(r, &start);
		reader_init(&one, start, len);
		if (!control_take_pair(ctl, &key, &one, keys, to, lenient))
			return false;
	}
	return true;
}

/* ping [] or [value]: "pong", or the value back. */
static void
control_ping(struct control *ctl)
{
	const struct frame *f = ctl->m->frame;
	struct answer a;

	answer_begin(&a, f->msgid);
	if (f->data.len > 0)
		packed_add(&a.packed, ctl->m->bytes + f->data.at, f->data.len);
	else
		answer_text(&a.pk, "pong");
	answer_end(&a, ctl->client);
}

/* The route of the next type that is offered, or NULL. */
struct route *
control_type_at(const struct dispatcher *d, size_t *i)
{
	const struct task_type *type;

	while ((type = registry_at((*i)++)) != NULL) {
		struct route *r =
		    route_find(d->routes, type->name, strlen(type->name));

		if (r != NULL)
			return r;
	}
	return NULL;
}

void
control_unknown_type(struct control *ctl, const struct item *name)
{
	route_unknown(&ctl->fault, name->bytes, name->n);
	control_refuse(ctl);
}

/* Packs a type, with what is laid down for its tasks. */
static void
control_pack_type(const struct route *r, msgpack_packer *pk)
{
	struct registry_rules rules = {
	    .pool = r->pool->config->name,
	    .priority = priority_name((enum priority)r->priority),
	    .timeout_ms = r->timeout_ms,
	    .run_timeout_ms = r->run_timeout_ms,
	    .queue_timeout_ms = r->queue_timeout_ms,
	    .max_running = r->max_running,
	    .max_queued = r->max_queued,
	};

	registry_describe(r->type, &rules, pk);
}

/* types [name]: one type. */
static void
control_one_type(struct control *ctl, const struct item *name)
{
	struct route *r =
	    route_find(ctl->dispatcher->routes, name->bytes, name->n);
	struct answer a;

	if (r == NULL) {
		control_unknown_type(ctl, name);
		return;
	}
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, 1);
	control_pack_type(r, &a.pk);
	answer_end(&a, ctl->client);
}

/* types [] or [name]: what may be submitted, with its fields. */
static void
control_types(struct control *ctl)
{
	struct route *route;
	struct reader r;
	struct item name = control_argument(ctl, &r);
	struct answer a;
	size_t i = 0;

	if (reader_text(&name)) {
		control_one_type(ctl, &name);
		return;
	}
	if (name.type != READER_NIL) {
		control_invalid(ctl, "type", "a task type's name", name.type);
		return;
	}
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, HASH_COUNT(ctl->dispatcher->routes));
	while ((route = control_type_at(ctl->dispatcher, &i)) != NULL)
		control_pack_type(route, &a.pk);
	answer_end(&a, ctl->client);
}

static const struct {
	const char *name;
	control_cb call;
	bool notify; /* makes sense without an answer */
	unsigned int roles; /* it takes one of them; 0: it is for everybody */
} control_methods[] = {
    {"hello", control_hello, true, 0},
    {"ping", control_ping, false, 0},
    {"stats", control_stats, false, CONTROL_USERS},
    {"types", control_types, false, CONTROL_USERS},
    {"keys", control_keys, false, CONTROL_USERS},
    {"ls", control_ls, false, ROLE_ADMIN},
    {"slow", control_slow, false, ROLE_ADMIN},
    {"clients", control_clients, false, ROLE_ADMIN},
    {"cancel", control_cancel, true, CONTROL_USERS},
    {"subscribe", control_subscribe, true, CONTROL_USERS},
    {"unsubscribe", control_unsubscribe, true, CONTROL_USERS},
    {"drain", control_drain, true, ROLE_ADMIN},
    {"pause", control_pause, true, ROLE_ADMIN},
    {"resume", control_resume, true, ROLE_ADMIN},
    {"scale", control_scale, true, ROLE_ADMIN},
    {"poison", control_poison, false, ROLE_ADMIN},
    {"reload", control_reload, true, ROLE_ADMIN},
    {"shutdown", control_shutdown, true, ROLE_ADMIN},
    {"log", control_log, true, ROLE_ADMIN},
    {"serve", control_serve, false, 0}, /* each pool says who */
    {"nvim_set_client_info", control_nvim, true, 0},
};

void
control_call(struct client *c, const struct message_in *m)
{
	struct control ctl = {
	    .client = c,
	    .dispatcher = c->dispatcher,
	    .m = m,
	};
	const struct frame *f = m->frame;
	const char *name = (const char *)m->bytes + f->method.at;

	for (size_t i = 0; i < COUNT(control_methods); i++) {
		if (strlen(control_methods[i].name) != f->method.len ||
		    memcmp(control_methods[i].name, name, f->method.len) != 0)
			continue;
		if (f->kind == FRAME_NOTIFY && !control_methods[i].notify)
			break;
		if (control_may(&ctl, control_methods[i].roles,
			control_methods[i].name))
			control_methods[i].call(&ctl);
		return;
	}
	fault_set(&ctl.fault, CODE_UNKNOWN_METHOD, NULL,
	    "no method \"%.*s\"; proto/PROTOCOL.md lists them, and task types "
	    "have a colon",
	    (int)f->method.len, name);
	control_refuse(&ctl);
}
