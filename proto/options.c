#include "proto/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/fdpass.h"
#include "proto/info.h"
#include "proto/limit.h"
#include "proto/reader.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef int (*option_cb)(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault);

static const char *const priority_names[PRIORITY_N] = {
    [PRIORITY_HIGH] = "high",
    [PRIORITY_NORMAL] = "normal",
    [PRIORITY_LOW] = "low",
};

const char *
priority_name(enum priority priority)
{
	return priority_names[priority];
}

/* Says what was given, as far as it fits in a message. */
static void
option_given(char *out, size_t size, const struct item *value)
{
	if (reader_text(value))
		snprintf(out, size, "\"%.*s\"",
		    value->n < 64 ? (int)value->n : 64, value->bytes);
	else if (value->type == READER_UINT)
		snprintf(out, size, "%" PRIu64, value->n);
	else if (value->type == READER_FLOAT)
		snprintf(out, size, "%g", value->number);
	else
		snprintf(out, size, "%s", reader_type_name(value->type));
}

static int
option_refuse(struct fault *fault, const char *name, const char *takes,
    const struct item *value)
{
	char given[80];

	option_given(given, sizeof given, value);
	fault_set(fault, CODE_INVALID_OPTION, NULL,
	    "option %s takes %s, not %s", name, takes, given);
	fault_add_text(fault, "option", name);
	return -1;
}

static int
option_id(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	if (!reader_text(value) || value->n == 0 || value->n > LIMIT_ID)
		return option_refuse(fault, "id", "a string of 1 to 256 bytes",
		    value);
	o->id = value->bytes;
	o->id_len = (size_t)value->n;
	return 0;
}

static int
option_priority(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	for (int i = 0; i < PRIORITY_N; i++) {
		if (reader_is(value, priority_names[i])) {
			o->priority = (enum priority)i;
			return 0;
		}
	}
	return option_refuse(fault, "priority",
	    "\"high\", \"normal\" or \"low\"", value);
}

/* Whether a value is a whole float, which JavaScript and Lua libraries send. */
static bool
option_whole(const struct item *value, uint64_t *out)
{
	if (value->type != READER_FLOAT || !(value->number >= 0) ||
	    value->number > (double)LIMIT_TIME_MS_MAX ||
	    value->number != (double)(uint64_t)value->number)
		return false;
	*out = (uint64_t)value->number;
	return true;
}

/* Reads a time that may be 0. */
static int
option_ms0(uint32_t *out, const char *name, const struct item *value,
    struct fault *fault)
{
	uint64_t ms = value->n;

	if ((value->type != READER_UINT && !option_whole(value, &ms)) ||
	    ms > LIMIT_TIME_MS_MAX)
		return option_refuse(fault, name,
		    "whole milliseconds from 0 to 2^32 - 1", value);
	*out = (uint32_t)ms;
	return 0;
}

/* Reads a time. */
static int
option_ms(uint32_t *out, const char *name, const struct item *value,
    struct fault *fault)
{
	uint64_t ms = value->n;

	if ((value->type != READER_UINT && !option_whole(value, &ms)) ||
	    ms == 0 || ms > LIMIT_TIME_MS_MAX)
		return option_refuse(fault, name,
		    "whole milliseconds from 1 to 2^32 - 1", value);
	*out = (uint32_t)ms;
	return 0;
}

static int
option_timeout(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	return option_ms(&o->timeout_ms, "timeout", value, fault);
}

static int
option_run_timeout(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	return option_ms(&o->run_timeout_ms, "runTimeout", value, fault);
}

static int
option_queue_timeout(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	return option_ms(&o->queue_timeout_ms, "queueTimeout", value, fault);
}

static int
option_fds(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	if (value->type != READER_UINT || value->n < 1 || value->n > FDPASS_MAX)
		return option_refuse(fault, "fds", "an integer from 1 to 8",
		    value);
	o->fds = (uint32_t)value->n;
	return 0;
}

static int
option_result_fd(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	if (value->type != READER_UINT || value->n >= FDPASS_MAX)
		return option_refuse(fault, "resultFd",
		    "the index of one of the request's descriptors", value);
	o->result_fd = (uint32_t)value->n;
	return 0;
}

static int
option_cancel_grace(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	o->has_grace = true;
	return option_ms0(&o->cancel_grace_ms, "cancelGrace", value, fault);
}

static int
option_bool(bool *out, const char *name, const struct item *value,
    struct fault *fault)
{
	if (value->type != READER_BOOL)
		return option_refuse(fault, name, "true or false", value);
	*out = value->n != 0;
	return 0;
}

static int
option_progress(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	return option_bool(&o->progress, "progress", value, fault);
}

static int
option_idempotent(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	o->has_idempotent = true;
	return option_bool(&o->idempotent, "idempotent", value, fault);
}

static int
option_on_full(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	o->wait_when_full = reader_is(value, "wait");
	if (!o->wait_when_full && !reader_is(value, "refuse"))
		return option_refuse(fault, "onFull", "\"wait\" or \"refuse\"",
		    value);
	return 0;
}

static int
option_batch(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	return option_bool(&o->batch, "batch", value, fault);
}

/* One key of a map of options, and who reads its value. */
struct option_key {
	const char *name;
	option_cb read;
};

/* The keys of one map; `seen` has a bit for each that was there. */
struct option_map {
	const struct option_key *keys;
	size_t n;
	const char *prefix; /* of the keys in messages: "retry." */
	unsigned int seen;
};

/* The known keys, for a message: "id, priority, ...". */
static void
option_known(const struct option_map *map, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < map->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i > 0 ? ", " : "", map->keys[i].name);
}

/* Finds a key in the table; map->n when it is not there. */
static size_t
option_find(const struct option_map *map, const struct item *key)
{
	size_t i = 0;

	while (i < map->n && !reader_is(key, map->keys[i].name))
		i++;
	return i;
}

static int
option_unknown(const struct option_map *map, const struct item *key,
    struct fault *fault)
{
	char known[200], given[80];

	option_known(map, known, sizeof known);
	option_given(given, sizeof given, key);
	fault_set(fault, CODE_INVALID_OPTION, NULL,
	    "unknown option %s%s; known are %s", map->prefix, given, known);
	if (reader_text(key)) {
		snprintf(given, sizeof given, "%s%.*s", map->prefix,
		    key->n < 64 ? (int)key->n : 64, key->bytes);
		fault_add_text(fault, "option", given);
	}
	return -1;
}

static int
option_twice(const struct option_map *map, size_t i, struct fault *fault)
{
	char name[32];

	snprintf(name, sizeof name, "%s%s", map->prefix, map->keys[i].name);
	fault_set(fault, CODE_INVALID_OPTION, NULL, "option %s is given twice",
	    name);
	fault_add_text(fault, "option", name);
	return -1;
}

/* Reads one pair. */
static int
option_pair(struct option_map *map, struct options *o, struct reader *r,
    struct fault *fault)
{
	struct item key = reader_next(r);
	struct item value;
	struct reader one;
	const uint8_t *start;
	size_t i = option_find(map, &key);

	if (i == map->n)
		return option_unknown(map, &key, fault);
	if (map->seen & 1u << i)
		return option_twice(map, i, fault);
	map->seen |= 1u << i;
	reader_init(&one, r->at, (size_t)(r->end - r->at));
	value = reader_next(&one);
	reader_skip(r, &start);
	return map->keys[i].read(o, &value, &one, fault);
}

/* Reads n pairs. */
static int
option_pairs(struct option_map *map, struct options *o, struct reader *r,
    uint64_t n, struct fault *fault)
{
	for (uint64_t i = 0; i < n; i++) {
		if (option_pair(map, o, r, fault) == -1)
			return -1;
	}
	return 0;
}

static int
retry_max(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	if (value->type != READER_UINT || value->n > OPTIONS_RETRY_MAX)
		return option_refuse(fault, "retry.max",
		    "an integer from 0 to 100", value);
	o->retry.max = (uint8_t)value->n;
	return 0;
}

static int
retry_backoff(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	return option_ms0(&o->retry.backoff_ms, "retry.backoffMs", value,
	    fault);
}

static int
retry_max_backoff(struct options *o, const struct item *value,
    struct reader *rest, struct fault *fault)
{
	return option_ms(&o->retry.max_backoff_ms, "retry.maxBackoffMs", value,
	    fault);
}

/* Reads the list of what a retry is for. */
static int
retry_on(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	static const char takes[] = "an array of \"crash\" and \"error\"";

	if (value->type != READER_ARRAY || value->n == 0)
		return option_refuse(fault, "retry.on", takes, value);
	o->retry.on_crash = o->retry.on_error = false;
	for (uint64_t i = 0; i < value->n; i++) {
		struct item what = reader_next(rest);

		if (reader_is(&what, "crash"))
			o->retry.on_crash = true;
		else if (reader_is(&what, "error"))
			o->retry.on_error = true;
		else
			return option_refuse(fault, "retry.on", takes, &what);
	}
	return 0;
}

static const struct option_key retry_keys[] = {
    {"max", retry_max},
    {"backoffMs", retry_backoff},
    {"maxBackoffMs", retry_max_backoff},
    {"on", retry_on},
};

static int
option_retry(struct options *o, const struct item *value, struct reader *rest,
    struct fault *fault)
{
	struct option_map map = {retry_keys, COUNT(retry_keys), "retry.", 0};

	if (value->type != READER_MAP)
		return option_refuse(fault, "retry",
		    "a map of max, backoffMs, maxBackoffMs and on", value);
	o->has_retry = true;
	o->retry.max = 1;
	o->retry.on_crash = true;
	return option_pairs(&map, o, rest, value->n, fault);
}

static const struct option_key option_keys[] = {
    {"id", option_id},
    {"priority", option_priority},
    {"timeout", option_timeout},
    {"runTimeout", option_run_timeout},
    {"queueTimeout", option_queue_timeout},
    {"fds", option_fds},
    {"resultFd", option_result_fd},
    {"cancelGrace", option_cancel_grace},
    {"progress", option_progress},
    {"idempotent", option_idempotent},
    {"retry", option_retry},
    {"onFull", option_on_full},
    {"batch", option_batch},
};

_Static_assert(FDPASS_MAX == 8, "the message of option_fds() says so");
_Static_assert(OPTIONS_RETRY_MAX == 100, "that of retry_max() likewise");

int
options_parse(struct options *o, const uint8_t *buf, size_t len,
    struct fault *fault)
{
	static const struct options none = OPTIONS_NONE;
	struct reader r;
	struct item map;
	struct option_map keys = {option_keys, COUNT(option_keys), "", 0};

	*o = none;
	reader_init(&r, buf, len);
	map = reader_next(&r);
	if (map.type == READER_NIL)
		return 0;
	if (map.type != READER_MAP) {
		fault_set(fault, CODE_INVALID_OPTION, NULL,
		    "options take a map, not %s", reader_type_name(map.type));
		return -1;
	}
	if (option_pairs(&keys, o, &r, map.n, fault) == -1)
		return -1;
	if (o->batch && o->fds > 0) {
		fault_set(fault, CODE_INVALID_OPTION, NULL,
		    "batch takes no descriptors, and fds is %u",
		    (unsigned int)o->fds);
		fault_add_text(fault, "option", "fds");
		return -1;
	}
	if (o->result_fd != INFO_NO_FD && o->result_fd >= o->fds) {
		fault_set(fault, CODE_INVALID_OPTION, NULL,
		    "resultFd takes an index below fds (%u), not %u",
		    (unsigned int)o->fds, (unsigned int)o->result_fd);
		fault_add_text(fault, "option", "resultFd");
		return -1;
	}
	return 0;
}

uint32_t
options_fds(const uint8_t *buf, size_t len)
{
	struct reader r, one;
	struct item map, value;
	const uint8_t *start;

	reader_init(&r, buf, len);
	map = reader_next(&r);
	if (map.type != READER_MAP)
		return 0;
	for (uint64_t i = 0; i < map.n; i++) {
		size_t n = reader_skip(&r, &start);
		struct item key;

		reader_init(&one, start, n);
		key = reader_next(&one);
		n = reader_skip(&r, &start);
		if (!reader_is(&key, "fds"))
			continue;
		reader_init(&one, start, n);
		value = reader_next(&one);
		return value.type == READER_UINT && value.n <= FDPASS_MAX
			   ? (uint32_t)value.n
			   : 0;
	}
	return 0;
}
