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
    struct fault *fault);

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
option_id(struct options *o, const struct item *value, struct fault *fault)
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
    struct fault *fault)
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

/*
 * Reads a time. Floats are taken when they are whole, because JavaScript and
 * Lua libraries send them so.
 */
static int
option_ms(uint32_t *out, const char *name, const struct item *value,
    struct fault *fault)
{
	uint64_t ms = 0;

	if (value->type == READER_UINT)
		ms = value->n;
	else if (value->type == READER_FLOAT && value->number >= 1 &&
		 value->number <= (double)LIMIT_TIME_MS_MAX &&
		 value->number == (double)(uint64_t)value->number)
		ms = (uint64_t)value->number;
	if (ms == 0 || ms > LIMIT_TIME_MS_MAX)
		return option_refuse(fault, name,
		    "whole milliseconds from 1 to 2^32 - 1", value);
	*out = (uint32_t)ms;
	return 0;
}

static int
option_timeout(struct options *o, const struct item *value, struct fault *fault)
{
	return option_ms(&o->timeout_ms, "timeout", value, fault);
}

static int
option_run_timeout(struct options *o, const struct item *value,
    struct fault *fault)
{
	return option_ms(&o->run_timeout_ms, "runTimeout", value, fault);
}

static int
option_queue_timeout(struct options *o, const struct item *value,
    struct fault *fault)
{
	return option_ms(&o->queue_timeout_ms, "queueTimeout", value, fault);
}

static int
option_fds(struct options *o, const struct item *value, struct fault *fault)
{
	if (value->type != READER_UINT || value->n < 1 || value->n > FDPASS_MAX)
		return option_refuse(fault, "fds", "an integer from 1 to 8",
		    value);
	o->fds = (uint32_t)value->n;
	return 0;
}

static int
option_result_fd(struct options *o, const struct item *value,
    struct fault *fault)
{
	if (value->type != READER_UINT || value->n >= FDPASS_MAX)
		return option_refuse(fault, "resultFd",
		    "the index of one of the request's descriptors", value);
	o->result_fd = (uint32_t)value->n;
	return 0;
}

static const struct {
	const char *name;
	option_cb read;
} option_table[] = {
    {"id", option_id},
    {"priority", option_priority},
    {"timeout", option_timeout},
    {"runTimeout", option_run_timeout},
    {"queueTimeout", option_queue_timeout},
    {"fds", option_fds},
    {"resultFd", option_result_fd},
};

_Static_assert(FDPASS_MAX == 8, "the message of option_fds() says so");

/* The known keys, for a message: "id, priority, ...". */
static void
option_known(char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(option_table) && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i > 0 ? ", " : "", option_table[i].name);
}

/* Finds a key in the table; COUNT(option_table) when it is not there. */
static size_t
option_find(const struct item *key)
{
	size_t i = 0;

	while (i < COUNT(option_table) && !reader_is(key, option_table[i].name))
		i++;
	return i;
}

static int
option_unknown(const struct item *key, struct fault *fault)
{
	char known[160], given[80];

	option_known(known, sizeof known);
	option_given(given, sizeof given, key);
	fault_set(fault, CODE_INVALID_OPTION, NULL,
	    "unknown option %s; known are %s", given, known);
	if (reader_text(key)) {
		snprintf(given, sizeof given, "%.*s",
		    key->n < 64 ? (int)key->n : 64, key->bytes);
		fault_add_text(fault, "option", given);
	}
	return -1;
}

/* Reads one pair; `seen` has a bit for each option that was there. */
static int
option_pair(struct options *o, struct reader *r, unsigned int *seen,
    struct fault *fault)
{
	struct item key = reader_next(r);
	struct item value;
	struct reader one;
	const uint8_t *start;
	size_t i = option_find(&key);

	if (i == COUNT(option_table))
		return option_unknown(&key, fault);
	if (*seen & 1u << i) {
		fault_set(fault, CODE_INVALID_OPTION, NULL,
		    "option %s is given twice", option_table[i].name);
		fault_add_text(fault, "option", option_table[i].name);
		return -1;
	}
	*seen |= 1u << i;
	reader_init(&one, r->at, (size_t)(r->end - r->at));
	value = reader_next(&one);
	reader_skip(r, &start);
	return option_table[i].read(o, &value, fault);
}

int
options_parse(struct options *o, const uint8_t *buf, size_t len,
    struct fault *fault)
{
	static const struct options none = OPTIONS_NONE;
	struct reader r;
	struct item map;
	unsigned int seen = 0;

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
	for (uint64_t i = 0; i < map.n; i++) {
		if (option_pair(o, &r, &seen, fault) == -1)
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
