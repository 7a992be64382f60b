#include "client/hello.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/handle.h"
#include "client/reply.h"

#define HELLO_PROTO 1 /* the version of the protocol, spoken by both */

/* Longest answer that is taken from a server which names no higher limit. */
#define HELLO_ANSWER_MAX ((size_t)128 << 20)

/* Values of an answer's envelope, apart from the result's. */
#define HELLO_ENVELOPE_VALUES 16

/* Sets what may come in, by what may go out. */
static void
hello_limit_answers(struct moro *m)
{
	struct limits in = m->limits;

	in.frame += LIMIT_ANSWER_SLACK;
	if (in.frame < HELLO_ANSWER_MAX)
		in.frame = HELLO_ANSWER_MAX;
	if (in.values < LIMIT_VALUES_DEFAULT)
		in.values = LIMIT_VALUES_DEFAULT;
	in.values += HELLO_ENVELOPE_VALUES;
	in.depth = LIMIT_DEPTH_MAX;
	in.method = LIMIT_METHOD_MAX;
	scan_init(&m->scan, &in);
}

void
hello_reset(struct moro *m)
{
	const struct limits limits = LIMITS_DEFAULT;

	moro_reply_free(m->hello);
	m->hello = NULL;
	m->version[0] = '\0';
	m->limits = limits;
	hello_limit_answers(m);
}

int
hello_send(struct moro *m)
{
	static const char *const features[] = {HELLO_FEATURE_FD, NULL};
	const char *name =
	    m->name[0] != '\0' ? m->name : program_invocation_short_name;
	struct moro_map *map = moro_map_new();
	struct request rq = {.type = "hello", .greeting = true};

	moro_map_text(map, "client", "libmoro");
	moro_map_text(map, "version", MORO_VERSION);
	moro_map_text(map, "name", name);
	moro_map_number(map, "proto", HELLO_PROTO);
	moro_map_text(map, "errors", "map");
	moro_map_texts(map, "features", features);
	rq.data = moro_map_data(map);
	rq.len = moro_map_size(map);
	m->hello_number = 0;
	if (rq.data != NULL)
		m->hello_number = call_send(m, &rq, NULL, NULL, true);
	moro_map_free(map);
	if (m->hello_number != 0)
		return 0;
	handle_fail(m, MORO_NO_MEMORY, "out of memory");
	return -1;
}

/* Takes one limit, if the server names a sensible one. */
static uint64_t
hello_limit(const struct moro *m, const char *name, uint64_t fallback,
    uint64_t max)
{
	int64_t n = moro_server_limit(m, name);

	if (n <= 0)
		return fallback;
	return (uint64_t)n < max ? (uint64_t)n : max;
}

/* Takes over the limits that the server names. */
static void
hello_limits(struct moro *m)
{
	struct limits *l = &m->limits;

	l->frame = hello_limit(m, "maxFrame", l->frame, LIMIT_FRAME_MAX);
	l->depth =
	    (uint32_t)hello_limit(m, "maxDepth", l->depth, LIMIT_DEPTH_MAX);
	l->values =
	    (uint32_t)hello_limit(m, "maxValues", l->values, LIMIT_VALUES_MAX);
	l->method =
	    (uint32_t)hello_limit(m, "maxMethod", l->method, LIMIT_METHOD_MAX);
	hello_limit_answers(m);
}

/* Keeps the server's version as text. */
static void
hello_version(struct moro *m)
{
	struct item item =
	    lookup_item(lookup_field(reply_value(m->hello), "version"));

	if (reader_text(&item))
		snprintf(m->version, sizeof m->version, "%.*s",
		    item.n < sizeof m->version ? (int)item.n
					       : (int)sizeof m->version,
		    item.bytes);
}

void
hello_take(struct moro *m, struct moro_reply *reply)
{
	struct item map = lookup_item(reply_value(reply));

	if (map.type == READER_MAP) {
		m->hello = reply;
		hello_version(m);
		hello_limits(m);
		revive_greeted(m);
		return;
	}
	if (reply == NULL)
		handle_fail(m, MORO_NO_MEMORY, "out of memory");
	else if (moro_reply_ok(reply))
		handle_fail(m, MORO_GARBLED,
		    "the server at %s greets in no way that is known", m->path);
	else
		handle_fail(m, MORO_GARBLED,
		    "the server at %s refused the greeting: %s: %s", m->path,
		    moro_reply_code_name(reply), moro_reply_message(reply));
	moro_reply_free(reply);
}

const char *
moro_server_version(const struct moro *m)
{
	return m->version[0] != '\0' ? m->version : NULL;
}

int64_t
moro_server_limit(const struct moro *m, const char *name)
{
	struct value limits = lookup_field(reply_value(m->hello), "limits");
	struct item item = lookup_item(lookup_field(limits, name));

	if (item.type != READER_UINT || item.n > INT64_MAX)
		return -1;
	return (int64_t)item.n;
}

int
moro_server_has(const struct moro *m, const char *feature)
{
	struct value v = lookup_field(reply_value(m->hello), "features");
	struct item array, one;
	struct reader r;

	if (v.at == NULL)
		return 0;
	reader_init(&r, v.at, v.len);
	array = reader_next(&r);
	for (uint64_t i = 0; array.type == READER_ARRAY && i < array.n; i++) {
		struct value element;

		element.len = reader_skip(&r, &element.at);
		one = lookup_item(element);
		if (reader_is(&one, feature))
			return 1;
	}
	return 0;
}

struct moro_reply *
moro_server_hello(const struct moro *m)
{
	return m->hello;
}
