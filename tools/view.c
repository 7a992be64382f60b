#include "tools/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fault.h"
#include "tools/columns.h"
#include "tools/complain.h"
#include "tools/sink.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define US_PER_MS 1000.0
#define US_PER_S 1000000.0
#define MINUTE 60u
#define HOUR 3600u
#define DAY 86400u
#define WORDS_S 1000.0 /* seconds, before they are minutes */
#define DIGITS 1000.0 /* numbers have three */
#define ROUNDS_UP 0.9995 /* of them, to one more digit */

value
view_field(value map, const char *name)
{
	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		value key = &map->via.map.ptr[i].key;

		if (key->type == MSGPACK_OBJECT_STR &&
		    key->via.str.size == strlen(name) &&
		    memcmp(key->via.str.ptr, name, strlen(name)) == 0)
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

uint64_t
view_number(value map, const char *name)
{
	value v = view_field(map, name);

	if (v == NULL || v->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return 0;
	return v->via.u64;
}

/* Whether a value is a number that is not negative. */
static bool
view_is_number(value v)
{
	return v != NULL && (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
				v->type == MSGPACK_OBJECT_FLOAT64 ||
				v->type == MSGPACK_OBJECT_FLOAT32);
}

double
view_real(value map, const char *name)
{
	value v = view_field(map, name);

	if (!view_is_number(v))
		return 0;
	return v->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? (double)v->via.u64
							  : v->via.f64;
}

bool
view_has_number(value map, const char *name)
{
	return view_is_number(view_field(map, name));
}

bool
view_true(value map, const char *name)
{
	value v = view_field(map, name);

	return v != NULL && v->type == MSGPACK_OBJECT_BOOLEAN && v->via.boolean;
}

const char *
view_text(char out[VIEW_TEXT], value map, const char *name)
{
	value v = view_field(map, name);

	if (v == NULL || v->type != MSGPACK_OBJECT_STR)
		return strcpy(out, "-");
	return view_clean(out, v->via.str.ptr, v->via.str.size);
}

const char *
view_clean(char out[VIEW_TEXT], const char *text, size_t len)
{
	snprintf(out, VIEW_TEXT, "%.*s", (int)len, text);
	fault_clean(out);
	for (char *at = out; *at != '\0'; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	}
	return out;
}

const char *
view_fit(char out[VIEW_TEXT], value map, const char *name, int columns)
{
	char text[VIEW_TEXT];
	int n = columns_fit(out, VIEW_TEXT - (size_t)columns,
	    view_text(text, map, name), columns);
	size_t len = strlen(out);

	memset(out + len, ' ', (size_t)(columns - n));
	out[len + (size_t)(columns - n)] = '\0';
	return out;
}

bool
view_is(value map, const char *name, const char *text)
{
	value v = view_field(map, name);

	return v != NULL && v->type == MSGPACK_OBJECT_STR &&
	       v->via.str.size == strlen(text) &&
	       memcmp(v->via.str.ptr, text, strlen(text)) == 0;
}

const msgpack_object_array *
view_array(value v)
{
	static const msgpack_object_array empty;

	return v != NULL && v->type == MSGPACK_OBJECT_ARRAY ? &v->via.array
							    : &empty;
}

/* Writes a number below 1000 with three digits, and its unit. */
static const char *
view_three(char out[VIEW_WORDS], double n, const char *unit)
{
	int decimals = 2;

	if (n == 0 || n >= 100 * ROUNDS_UP)
		decimals = 0;
	else if (n >= 10 * ROUNDS_UP)
		decimals = 1;
	snprintf(out, VIEW_WORDS, "%.*f%s", decimals, n, unit);
	return out;
}

/* Writes seconds in their two largest units. */
static const char *
view_seconds(char out[VIEW_WORDS], uint64_t s)
{
	static const struct {
		uint64_t above;
		uint64_t large, small;
		const char *format;
	} rows[] = {
	    {100 * DAY, DAY, DAY, "%" PRIu64 "d"},
	    {DAY, DAY, HOUR, "%" PRIu64 "d%02" PRIu64 "h"},
	    {HOUR, HOUR, MINUTE, "%" PRIu64 "h%02" PRIu64 "m"},
	    {0, MINUTE, 1, "%" PRIu64 "m%02" PRIu64 "s"},
	};
	size_t i = 0;

	while (s < rows[i].above)
		i++;
	if (i == 0)
		snprintf(out, VIEW_WORDS, "%" PRIu64 "d", s / DAY);
	else
		snprintf(out, VIEW_WORDS, rows[i].format, s / rows[i].large,
		    s % rows[i].large / rows[i].small);
	return out;
}

const char *
view_us(char out[VIEW_WORDS], double us)
{
	if (us < DIGITS * ROUNDS_UP)
		return view_three(out, us, "us");
	if (us < US_PER_S * ROUNDS_UP)
		return view_three(out, us / US_PER_MS, "ms");
	if (us < WORDS_S * US_PER_S * ROUNDS_UP)
		return view_three(out, us / US_PER_S, "s");
	return view_seconds(out, (uint64_t)(us / US_PER_S));
}

/* Divides until it has three digits. */
static const char *
view_scaled(char out[VIEW_WORDS], uint64_t n, double step)
{
	static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
	double rest = (double)n;
	size_t i = 0;

	while (rest >= DIGITS * ROUNDS_UP && i + 1 < COUNT(units)) {
		rest /= step;
		i++;
	}
	if (i > 0)
		return view_three(out, rest, units[i]);
	snprintf(out, VIEW_WORDS, "%" PRIu64, n);
	return out;
}

const char *
view_size(char out[VIEW_WORDS], uint64_t bytes)
{
	return view_scaled(out, bytes, 1024.0);
}

const char *
view_count(char out[VIEW_WORDS], uint64_t n)
{
	if (n >= 1000000)
		return view_scaled(out, n, 1000.0);
	snprintf(out, VIEW_WORDS, "%" PRIu64, n);
	return out;
}

const char *
view_ms_of(char out[VIEW_WORDS], value map, const char *name)
{
	if (!view_has_number(map, name))
		return strcpy(out, "-");
	return view_us(out, view_real(map, name) * US_PER_MS);
}

const char *
view_size_of(char out[VIEW_WORDS], value map, const char *name)
{
	if (!view_has_number(map, name))
		return strcpy(out, "-");
	return view_size(out, view_number(map, name));
}

FILE *
view_open(char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (out == NULL)
		complain("NO_MEMORY", "out of memory");
	return out;
}

int
view_done(FILE *out, char **text, size_t *len)
{
	int rc;

	if (fclose(out) != 0)
		rc = complain_output("the result", errno);
	else
		rc = sink_write(NULL, *text, *len, false);
	free(*text);
	return rc;
}
