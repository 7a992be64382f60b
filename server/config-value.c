#include "server/config-parts.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/units.h"
#include "server/queue.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VALUE_NONE "none"

/* What the words for yes and no are; written is the first pair. */
static const struct {
	const char *yes, *no;
} value_words[] = {
    {"yes", "no"},
    {"true", "false"},
    {"on", "off"},
};

/* From the largest: what divides the value is written with it. */
static const struct {
	const char *name;
	uint64_t scale;
} value_sizes[] =
    {
	{"G", (uint64_t)1 << 30},
	{"M", (uint64_t)1 << 20},
	{"K", (uint64_t)1 << 10},
},
  value_durations[] = {
      {"h", 60 * 60 * 1000},
      {"m", 60 * 1000},
      {"s", 1000},
};

static int
value_flag(bool *at, const char *text)
{
	for (size_t i = 0; i < COUNT(value_words); i++) {
		bool yes = strcmp(text, value_words[i].yes) == 0;

		if (!yes && strcmp(text, value_words[i].no) != 0)
			continue;
		*at = yes;
		return 0;
	}
	return -1;
}

/*
 * Whether a text can be written to a file and read back: a blank and a
 * semicolon begin a comment there, and blanks at the ends are dropped.
 */
static bool
value_is_writable(const char *text)
{
	size_t len = strlen(text);

	if (isblank((unsigned char)text[0]) || text[0] == ';' ||
	    isblank((unsigned char)text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)text[i]) ||
		    (text[i] == ' ' && text[i + 1] == ';'))
			return false;
	}
	return true;
}

/* Stores a copy of a text of 1 to max bytes. */
static int
value_copy_text(char **at, const char *text, uint64_t max)
{
	char *copy;

	if (text[0] == '\0' || strlen(text) > max || !value_is_writable(text))
		return -1;
	copy = strdup(text);
	if (copy == NULL)
		return -1;
	free(*at);
	*at = copy;
	return 0;
}

static int
value_choice(uint64_t *at, const char *const *choices, const char *text)
{
	for (uint64_t i = 0; choices[i] != NULL; i++) {
		if (strcmp(text, choices[i]) == 0) {
			*at = i;
			return 0;
		}
	}
	return -1;
}

/* Reads N or MIN:MAX. */
static int
value_range(struct config_range *at, const struct option_entry *e,
    const char *text)
{
	const char *colon = strchr(text, ':');
	struct config_range r;
	char least[32];

	if (colon == NULL) {
		if (units_number(text, e->min, e->max, &r.min) == -1)
			return -1;
		r.max = r.min;
	} else {
		if ((size_t)(colon - text) >= sizeof least)
			return -1;
		memcpy(least, text, (size_t)(colon - text));
		least[colon - text] = '\0';
		if (units_number(least, e->min, e->max, &r.min) == -1 ||
		    units_number(colon + 1, r.min, e->max, &r.max) == -1)
			return -1;
	}
	*at = r;
	return 0;
}

/* Reads a value that is a number in the end. */
static int
value_number(uint64_t *at, const struct option_entry *e, const char *text)
{
	uint64_t v = 0;
	int rc;

	if (e->none && strcmp(text, VALUE_NONE) == 0) {
		*at = 0;
		return 0;
	}
	if (e->kind == OPTION_SIZE)
		rc = units_size(text, &v);
	else if (e->kind == OPTION_DURATION)
		rc = units_duration(text, 0, &v);
	else
		rc = units_number(text, e->min, e->max, &v);
	if (rc == -1 || v < e->min || v > e->max)
		return -1;
	*at = v;
	return 0;
}

/* Reads three numbers, from the highest priority to the lowest. */
static int
value_weights(uint64_t *at, const struct option_entry *e, const char *text)
{
	uint64_t packed = 0;

	if (strcmp(text, VALUE_NONE) == 0) {
		*at = 0;
		return 0;
	}
	for (int i = 0; i < PRIORITY_N; i++) {
		size_t len = strcspn(text, ":");
		char one[16];
		uint64_t n;

		if (len >= sizeof one ||
		    (text[len] == ':') != (i < PRIORITY_N - 1))
			return -1;
		memcpy(one, text, len);
		one[len] = '\0';
		if (units_number(one, e->min, e->max, &n) == -1)
			return -1;
		packed = packed << WEIGHT_BITS | n;
		text += len + 1;
	}
	*at = packed;
	return 0;
}

int
config_value_parse(void *at, const struct option_entry *e, const char *text)
{
	switch (e->kind) {
	case OPTION_COMMAND:
	case OPTION_FLAG:
		return value_flag(at, text);
	case OPTION_PATH:
	case OPTION_TEXT:
	case OPTION_NAME:
		return value_copy_text(at, text, e->max);
	case OPTION_CHOICE:
		return value_choice(at, e->choices, text);
	case OPTION_RANGE:
		return value_range(at, e, text);
	case OPTION_WEIGHTS:
		return value_weights(at, e, text);
	default:
		return value_number(at, e, text);
	}
}

/* Whether the field is a text that it owns. */
static bool
value_is_text(const struct option_entry *e)
{
	return e->kind == OPTION_PATH || e->kind == OPTION_TEXT ||
	       e->kind == OPTION_NAME;
}

/* Bytes of a field. */
static size_t
value_size(const struct option_entry *e)
{
	if (e->kind == OPTION_COMMAND || e->kind == OPTION_FLAG)
		return sizeof(bool);
	return e->kind == OPTION_RANGE ? sizeof(struct config_range)
				       : sizeof(uint64_t);
}

void
config_value_clear(void *at, const struct option_entry *e)
{
	if (!value_is_text(e))
		return;
	free(*(char **)at);
	*(char **)at = NULL;
}

void
config_value_copy(void *to, const void *from, const struct option_entry *e)
{
	if (value_is_text(e)) {
		const char *text = *(char *const *)from;

		config_value_clear(to, e);
		*(char **)to = text != NULL ? strdup(text) : NULL;
	} else {
		memcpy(to, from, value_size(e));
	}
}

bool
config_value_equal(const void *a, const void *b, const struct option_entry *e)
{
	if (value_is_text(e)) {
		const char *x = *(char *const *)a, *y = *(char *const *)b;

		return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
	}
	return memcmp(a, b, value_size(e)) == 0;
}

static void
value_size_text(uint64_t v, char *out, size_t size)
{
	for (size_t i = 0; v > 0 && i < COUNT(value_sizes); i++) {
		if (v % value_sizes[i].scale == 0) {
			snprintf(out, size, "%" PRIu64 "%s",
			    v / value_sizes[i].scale, value_sizes[i].name);
			return;
		}
	}
	snprintf(out, size, "%" PRIu64, v);
}

static void
value_duration_text(uint64_t v, char *out, size_t size)
{
	for (size_t i = 0; v > 0 && i < COUNT(value_durations); i++) {
		if (v % value_durations[i].scale == 0) {
			snprintf(out, size, "%" PRIu64 "%s",
			    v / value_durations[i].scale,
			    value_durations[i].name);
			return;
		}
	}
	snprintf(out, size, "%" PRIu64 "ms", v);
}

static void
value_range_text(const struct config_range *r, char *out, size_t size)
{
	if (r->min == r->max)
		snprintf(out, size, "%" PRIu64, r->min);
	else
		snprintf(out, size, "%" PRIu64 ":%" PRIu64, r->min, r->max);
}

void
config_value_text(const void *at, const struct option_entry *e, char *out,
    size_t size)
{
	const uint64_t *number = at;

	if (value_is_text(e)) {
		const char *text = *(char *const *)at;

		snprintf(out, size, "%s", text != NULL ? text : "");
	} else if (e->kind == OPTION_RANGE) {
		value_range_text(at, out, size);
	} else if (value_size(e) == sizeof(bool)) {
		snprintf(out, size, "%s",
		    *(const bool *)at ? value_words[0].yes : value_words[0].no);
	} else if (e->kind == OPTION_CHOICE) {
		snprintf(out, size, "%s", e->choices[*number]);
	} else if (e->none && *number == 0) {
		snprintf(out, size, VALUE_NONE);
	} else if (e->kind == OPTION_WEIGHTS) {
		snprintf(out, size, "%u:%u:%u",
		    queue_weight(*number, PRIORITY_HIGH),
		    queue_weight(*number, PRIORITY_NORMAL),
		    queue_weight(*number, PRIORITY_LOW));
	} else if (e->kind == OPTION_SIZE) {
		value_size_text(*number, out, size);
	} else if (e->kind == OPTION_DURATION) {
		value_duration_text(*number, out, size);
	} else {
		snprintf(out, size, "%" PRIu64, *number);
	}
}

/* "error, warning, info or debug" */
static void
value_choices(const char *const *choices, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; choices[i] != NULL && n < size; i++) {
		const char *before = choices[i + 1] == NULL ? " or " : ", ";

		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i > 0 ? before : "", choices[i]);
	}
}

void
config_value_takes(const struct option_entry *e, char *out, size_t size)
{
	const char *none = e->none ? ", or " VALUE_NONE : "";
	char least[32], most[32];

	switch (e->kind) {
	case OPTION_COMMAND:
		snprintf(out, size, "no value");
		break;
	case OPTION_FLAG:
		snprintf(out, size, "yes or no (true, false, on, off)");
		break;
	case OPTION_PATH:
	case OPTION_TEXT:
		snprintf(out, size,
		    "a %s of 1 to %" PRIu64 " bytes, without control "
		    "characters, blanks at its ends or before a semicolon",
		    e->kind == OPTION_PATH ? "path" : "text", e->max);
		break;
	case OPTION_NAME:
		snprintf(out, size, "a pool's name, of 1 to %d bytes",
		    CONFIG_NAME_MAX);
		break;
	case OPTION_NUMBER:
	case OPTION_RANGE:
		snprintf(out, size,
		    "a whole number from %" PRIu64 " to %" PRIu64 "%s%s",
		    e->min, e->max, none,
		    e->kind == OPTION_RANGE ? ", or two as MIN:MAX" : "");
		break;
	case OPTION_WEIGHTS:
		snprintf(out, size,
		    "HIGH:NORMAL:LOW, each a whole number from %" PRIu64
		    " to %" PRIu64 "%s",
		    e->min, e->max, none);
		break;
	case OPTION_SIZE:
		value_size_text(e->min, least, sizeof least);
		value_size_text(e->max, most, sizeof most);
		snprintf(out, size, "bytes such as 64M, from %s to %s%s", least,
		    most, none);
		break;
	case OPTION_DURATION:
		value_duration_text(e->min, least, sizeof least);
		snprintf(most, sizeof most, "%" PRIu64 "ms", e->max);
		snprintf(out, size, "%s, from %s%s%s%s", UNITS_DURATION_TAKES,
		    least, e->max < LIMIT_TIME_MS_MAX ? " to " : "",
		    e->max < LIMIT_TIME_MS_MAX ? most : "", none);
		break;
	case OPTION_CHOICE:
		value_choices(e->choices, out, size);
		break;
	}
}

void
config_value_variable(const struct option_entry *e, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "MORO_%s", e->name);

	for (size_t i = 0; i < n && i < size; i++)
		out[i] =
		    out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}
