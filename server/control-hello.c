/* hello and its like: who both sides are, and how errors are to look. */

#include "server/control-parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/answer.h"
#include "server/control.h"
#include "server/role.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTROL_FEATURE_FD "fd" /* descriptors: section 9 there */
#define CONTROL_FEATURE_SERVE "serve" /* to dial in as a worker */
#define CONTROL_FEATURE_KEYS "keys" /* named ones */

/* Takes hello's `errors`. */
static bool
hello_errors(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
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
hello_proto(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
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
hello_name(struct control *ctl, void *to, const struct item *value,
    struct reader *rest)
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
hello_features(struct control *ctl, void *to, const struct item *value,
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

static const struct control_key hello_keys[] = {
    {"errors", hello_errors},
    {"proto", hello_proto},
    {"client", hello_name},
    {"name", hello_name},
    {"features", hello_features},
    {NULL, NULL},
};

static void
hello_pack_limits(const struct client *c, msgpack_packer *pk)
{
	const struct dispatcher *d = c->dispatcher;
	const struct config *config = d->config;

	answer_text(pk, "limits");
	msgpack_pack_map(pk, 10);
	answer_number(pk, "maxFrame", c->conn.scan.limits.frame);
	answer_number(pk, "maxDepth", d->limits.depth);
	answer_number(pk, "maxValues", d->limits.values);
	answer_number(pk, "maxMethod", d->limits.method);
	answer_number(pk, "maxFile", config->max_file);
	answer_number(pk, "maxClientTasks", config->max_client_tasks);
	answer_number(pk, "maxClientBytes", config->max_client_bytes);
	answer_number(pk, "maxQueueSize", config->pools[0].max_queue_size);
	answer_number(pk, "maxQueuedBytes", config->max_queued_bytes);
	answer_number(pk, "frameTimeoutMs", config->frame_timeout_ms);
}

/* The types whose tasks it may submit. */
static void
hello_pack_types(const struct client *c, msgpack_packer *pk)
{
	const struct dispatcher *d = c->dispatcher;
	const struct route *route;
	uint32_t n = 0;
	size_t i = 0;

	while ((route = control_type_at(d, &i)) != NULL)
		n += role_may_submit(c, route->index);
	answer_text(pk, "types");
	msgpack_pack_array(pk, n);
	for (i = 0; (route = control_type_at(d, &i)) != NULL;) {
		if (role_may_submit(c, route->index))
			answer_text(pk, route->name);
	}
}

/* What a client may use that has not always been there. */
static void
hello_pack_features(const struct client *c, msgpack_packer *pk)
{
	static const char *const features[] = {"cancel", "progress", "retry",
	    "batch", "backpressure"};
	bool files = client_may_pass(c), serve = role_has(c, ROLE_SERVE);
	bool keys = c->dispatcher->config->n_keys > 0;

	answer_text(pk, "features");
	msgpack_pack_array(pk, COUNT(features) + files + serve + keys);
	for (size_t i = 0; i < COUNT(features); i++)
		answer_text(pk, features[i]);
	if (files)
		answer_text(pk, CONTROL_FEATURE_FD);
	if (serve)
		answer_text(pk, CONTROL_FEATURE_SERVE);
	if (keys)
		answer_text(pk, CONTROL_FEATURE_KEYS);
}

/* What a client may do: all of it, and in a word. */
static void
hello_pack_roles(const struct client *c, msgpack_packer *pk)
{
	static const struct {
		enum role role;
		const char *name;
	} roles[] = {
	    {ROLE_ADMIN, "admin"},
	    {ROLE_SUBMIT, "submit"},
	    {ROLE_SERVE, "serve"},
	};
	const char *first = "none";
	uint32_t n = 0;

	for (size_t i = COUNT(roles); i-- > 0;) {
		if (!role_has(c, roles[i].role))
			continue;
		first = roles[i].name;
		n++;
	}
	answer_text(pk, "role");
	answer_text(pk, first);
	answer_text(pk, "roles");
	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < COUNT(roles); i++) {
		if (role_has(c, roles[i].role))
			answer_text(pk, roles[i].name);
	}
}

static void
hello_pack(const struct control *ctl, msgpack_packer *pk)
{
	const struct dispatcher *d = ctl->dispatcher;

	msgpack_pack_map(pk, 10);
	answer_text(pk, "server");
	answer_text(pk, "morod");
	answer_text(pk, "version");
	answer_text(pk, MORO_VERSION);
	answer_number(pk, "proto", CONTROL_PROTO);
	hello_pack_features(ctl->client, pk);
	hello_pack_limits(ctl->client, pk);
	hello_pack_types(ctl->client, pk);
	hello_pack_roles(ctl->client, pk);
	answer_number(pk, "pid", (uint64_t)getppid());
	answer_number(pk, "started", d->started);
}

/* hello [] or [map]. */
void
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
	if (map.type == READER_MAP &&
	    !control_read_map(ctl, &r, map.n, hello_keys, NULL, true)) {
		ctl->client->shape = before;
		control_refuse(ctl);
		return;
	}
	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	hello_pack(ctl, &a.pk);
	answer_end(&a, ctl->client);
}

/* How Neovim's clients say who they are; their errors are pairs. */
void
control_nvim(struct control *ctl)
{
	struct answer a;

	ctl->client->shape = FAULT_PAIR;
	if (control_is_notify(ctl))
		return;
	answer_begin(&a, ctl->m->frame->msgid);
	msgpack_pack_nil(&a.pk);
	answer_end(&a, ctl->client);
}
