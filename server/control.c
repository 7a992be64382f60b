#include "server/control.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/reader.h"
#include "server/answer.h"
#include "server/control-log.h"
#include "server/dispatcher.h"
#include "server/log.h"
#include "server/stats.h"
#include "worker/registry.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTROL_FEATURE_FD "fd" /* descriptors: section 9 there */
#define CONTROL_PROTO 1 /* of the wire: proto/PROTOCOL.md, section 1 */

/* One call: the client, the message, and the first parameter if any. */
struct control {
	struct client *client;
	struct dispatcher *dispatcher;
	const struct message_in *m;
	struct fault fault;
};

typedef void (*control_cb)(struct control *ctl);

static void
control_refuse(struct control *ctl)
{
	if (ctl->m->frame->kind == FRAME_NOTIFY)
		ctl->dispatcher->counters.notifications_ignored++;
	else
		answer_fault(ctl->client, ctl->m->frame->msgid, &ctl->fault);
}

/* Refuses a call whose argument is wrong. */
static void
control_invalid(struct control *ctl, const char *field, const char *takes,
    enum reader_type given)
{
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "%s takes %s, not %s", field, takes, reader_type_name(given));
	fault_add_text(&ctl->fault, "field", field);
	control_refuse(ctl);
}

/* The first parameter; READER_NIL when there is none. */
static struct item
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

/* ping [] or [value]: "pong", or the value back. */
static void
control_ping(struct control *ctl)
{
	const struct frame *f = ctl->m->frame;
	struct answer a;

	answer_begin(&a, f->msgid);
	if (f->data.len > 0)
		msgpack_sbuffer_write(&a.buffer,
		    (const char *)ctl->m->bytes + f->data.at, f->data.len);
	else
		answer_text(&a.pk, "pong");
	answer_end(&a, ctl->client);
}

static void
control_stats(struct control *ctl)
{
	struct answer a;

	answer_begin(&a, ctl->m->frame->msgid);
	stats_pack(ctl->dispatcher, &a.pk);
	answer_end(&a, ctl->client);
}

/* The i-th type that is offered, or NULL. */
static const struct task_type *
control_type_at(const struct dispatcher *d, size_t *i)
{
	const struct task_type *type;

	while ((type = registry_at((*i)++)) != NULL) {
		if (route_find(d->routes, type->name, strlen(type->name)))
			return type;
	}
	return NULL;
}

/* types [name]: one type. */
static void
control_one_type(struct control *ctl, const struct item *name)
{
	struct route *r =
	    route_find(ctl->dispatcher->routes, name->bytes, name->n);
	struct answer a;

	if (r == NULL) {
		fault_set(&ctl->fault, CODE_UNKNOWN_TASK, NULL,
		    "no task type \"%.*s\"; method types lists them",
		    (int)(name->n < LIMIT_METHOD_MAX ? name->n
						     : LIMIT_METHOD_MAX),
		    name->bytes);
		control_refuse(ctl);
		return;
	}
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_array(&a.pk, 1);
	registry_describe(r->type, &a.pk);
	answer_end(&a, ctl->client);
}

/* types [] or [name]: what may be submitted, with its fields. */
static void
control_types(struct control *ctl)
{
	const struct task_type *type;
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
	while ((type = control_type_at(ctl->dispatcher, &i)) != NULL)
		registry_describe(type, &a.pk);
	answer_end(&a, ctl->client);
}

/* shutdown []: true, and what SIGTERM does. */
static void
control_shutdown(struct control *ctl)
{
	struct answer a;

	if (!client_is_admin(ctl->client)) {
		fault_set(&ctl->fault, CODE_PERMISSION_DENIED, NULL,
		    "shutdown is for root and the server's own user, and you "
		    "are uid %u",
		    (unsigned int)ctl->client->uid);
		control_refuse(ctl);
		return;
	}
	log_info("shutdown asked by pid %d, uid %u", (int)ctl->client->pid,
	    (unsigned int)ctl->client->uid);
	ctl->dispatcher->draining = true;
	ctl->dispatcher->shutdown_asked = true;
	if (ctl->m->frame->kind == FRAME_NOTIFY)
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_true(&a.pk);
	answer_end(&a, ctl->client);
}

/* Takes hello's `errors`. */
static bool
hello_errors(struct control *ctl, const struct item *value, struct reader *rest)
{
	static const char *const shapes[] = {
	    [FAULT_STRING] = "string",
	    [FAULT_MAP] = "map",
	    [FAULT_PAIR] = "pair",
	};

	for (size_t i = 0; i < COUNT(shapes); i++) {
		if (reader_is(value, shapes[i])) {
			ctl->client->shape = (enum fault_shape)i;
			return true;
		}
	}
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "errors takes \"map\", \"string\" or \"pair\"");
	fault_add_text(&ctl->fault, "field", "errors");
	return false;
}

/* Takes hello's `proto`: both sides use the smaller. */
static bool
hello_proto(struct control *ctl, const struct item *value, struct reader *rest)
{
	if (value->type == READER_UINT && value->n >= 1)
		return true;
	fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
	    "proto takes an integer from 1");
	fault_add_text(&ctl->fault, "field", "proto");
	return false;
}

/* Takes hello's `client` or `name`, for logs. */
static bool
hello_name(struct control *ctl, const struct item *value, struct reader *rest)
{
	if (!reader_text(value)) {
		fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
		    "client and name take a string");
		fault_add_text(&ctl->fault, "field", "name");
		return false;
	}
	snprintf(ctl->client->name, sizeof ctl->client->name, "%.*s",
	    value->n < CLIENT_NAME ? (int)value->n : CLIENT_NAME, value->bytes);
	fault_clean(ctl->client->name);
	return true;
}

/* Takes hello's `features`; those that are not known are for later versions. */
static bool
hello_features(struct control *ctl, const struct item *value,
    struct reader *rest)
{
	uint64_t n = value->type == READER_ARRAY ? value->n : 0;

	if (value->type != READER_ARRAY) {
		fault_set(&ctl->fault, CODE_INVALID_ARGUMENT, NULL,
		    "features takes an array of strings");
		fault_add_text(&ctl->fault, "field", "features");
		return false;
	}
	while (n-- > 0) {
		const uint8_t *start;
		struct reader one;
		size_t len = reader_skip(rest, &start);

		reader_init(&one, start, len);
		struct item name = reader_next(&one);
		if (reader_is(&name, CONTROL_FEATURE_FD))
			ctl->client->fd_feature = true;
	}
	return true;
}

/* Reads the map of hello; keys that are not known are for later versions. */
static bool
hello_read(struct control *ctl, struct reader *r, uint64_t pairs)
{
	static const struct {
		const char *key;
		bool (*take)(struct control *ctl, const struct item *value,
		    struct reader *rest);
	} keys[] = {
	    {"errors", hello_errors},
	    {"proto", hello_proto},
	    {"client", hello_name},
	    {"name", hello_name},
	    {"features", hello_features},
	};

	for (uint64_t n = 0; n < pairs; n++) {
		const uint8_t *start;
		struct reader one;
		size_t len = reader_skip(r, &start);

		reader_init(&one, start, len);
		struct item key = reader_next(&one);
		len = reader_skip(r, &start);
		reader_init(&one, start, len);
		struct item value = reader_next(&one);
		for (size_t i = 0; i < COUNT(keys); i++) {
			if (reader_is(&key, keys[i].key) &&
			    !keys[i].take(ctl, &value, &one))
				return false;
		}
	}
	return true;
}

static void
hello_pack_limits(const struct dispatcher *d, msgpack_packer *pk)
{
	const struct config *config = d->config;

	answer_text(pk, "limits");
	msgpack_pack_map(pk, 9);
	answer_number(pk, "maxFrame", d->limits.frame);
	answer_number(pk, "maxDepth", d->limits.depth);
	answer_number(pk, "maxValues", d->limits.values);
	answer_number(pk, "maxMethod", d->limits.method);
	answer_number(pk, "maxFile", config->max_file);
	answer_number(pk, "maxClientTasks", config->max_client_tasks);
	answer_number(pk, "maxQueueSize", config->max_queue_size);
	answer_number(pk, "maxQueuedBytes", config->max_queued_bytes);
	answer_number(pk, "frameTimeoutMs", config->frame_timeout_ms);
}

static void
hello_pack_types(const struct dispatcher *d, msgpack_packer *pk)
{
	const struct task_type *type;
	size_t i = 0;

	answer_text(pk, "types");
	msgpack_pack_array(pk, HASH_COUNT(d->routes));
	while ((type = control_type_at(d, &i)) != NULL)
		answer_text(pk, type->name);
}

static void
hello_pack(const struct control *ctl, msgpack_packer *pk)
{
	const struct dispatcher *d = ctl->dispatcher;

	msgpack_pack_map(pk, 9);
	answer_text(pk, "server");
	answer_text(pk, "morod");
	answer_text(pk, "version");
	answer_text(pk, MORO_VERSION);
	answer_number(pk, "proto", CONTROL_PROTO);
	answer_text(pk, "features");
	msgpack_pack_array(pk, client_may_pass(ctl->client) ? 1 : 0);
	if (client_may_pass(ctl->client))
		answer_text(pk, CONTROL_FEATURE_FD);
	hello_pack_limits(d, pk);
	hello_pack_types(d, pk);
	answer_text(pk, "role");
	answer_text(pk, client_is_admin(ctl->client) ? "admin" : "submit");
	answer_number(pk, "pid", (uint64_t)getppid());
	answer_number(pk, "started", d->started);
}

/* hello [] or [map]: who both are, and how errors are to look. */
static void
control_hello(struct control *ctl)
{
	enum fault_shape before = ctl->client->shape;
	struct reader r;
	struct item map = control_argument(ctl, &r);
	struct answer a;

	if (map.type != READER_NIL && map.type != READER_MAP) {
		control_invalid(ctl, "hello", "a map", map.type);
		return;
	}
	ctl->client->shape = FAULT_MAP;
	if (map.type == READER_MAP && !hello_read(ctl, &r, map.n)) {
		ctl->client->shape = before;
		control_refuse(ctl);
		return;
	}
	if (ctl->m->frame->kind == FRAME_NOTIFY)
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	hello_pack(ctl, &a.pk);
	answer_end(&a, ctl->client);
}

/* log [] or [level]: the level of the log, set first if one is given. */
static void
control_log_call(struct control *ctl)
{
	if (control_log(ctl->client, ctl->m, &ctl->fault) == -1)
		control_refuse(ctl);
}

/* How Neovim's clients say who they are; their errors are pairs. */
static void
control_nvim(struct control *ctl)
{
	struct answer a;

	ctl->client->shape = FAULT_PAIR;
	if (ctl->m->frame->kind == FRAME_NOTIFY)
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_nil(&a.pk);
	answer_end(&a, ctl->client);
}

static const struct {
	const char *name;
	control_cb call;
	bool notify; /* makes sense without an answer */
} control_methods[] = {
    {"hello", control_hello, true},
    {"ping", control_ping, false},
    {"stats", control_stats, false},
    {"types", control_types, false},
    {"shutdown", control_shutdown, true},
    {"log", control_log_call, true},
    {"nvim_set_client_info", control_nvim, true},
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
		control_methods[i].call(&ctl);
		return;
	}
	fault_set(&ctl.fault, CODE_UNKNOWN_METHOD, NULL,
	    "no method \"%.*s\"; there are hello, ping, stats, types, log and "
	    "shutdown, and task types have a colon",
	    (int)f->method.len, name);
	control_refuse(&ctl);
}
