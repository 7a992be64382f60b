#include "proto/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FRACTION_DIGITS 3
#define FRACTION 1000 /* a fraction counts thousandths */

static const struct {
	const char *name;
	uint64_t ms;
} duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60 * 1000},
    {"h", 60 * 60 * 1000},
    {"d", 24 * 60 * 60 * 1000},
    {"w", 7 * 24 * 60 * 60 * 1000},
};

static const struct {
	const char *name;
	unsigned int shift;
} size_units[] = {
    {"", 0},
    {"K", 10},
    {"M", 20},
    {"G", 30},
};

/* Reads digits; gives what stands behind them, or NULL when there are none. */
static const char *
units_digits(const char *text, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return NULL;
	errno = 0;
	*out = strtoumax(text, &end, 10);
	return errno == 0 ? end : NULL;
}

/* Reads ".25" as 250 thousandths; no point there: 0 of them. */
static const char *
units_fraction(const char *text, uint64_t *out)
{
	uint64_t scale = FRACTION;

	*out = 0;
	if (*text != '.')
		return text;
	text++;
	if (!isdigit((unsigned char)*text))
		return NULL;
	for (int i = 0; isdigit((unsigned char)*text); i++, text++) {
		if (i == FRACTION_DIGITS)
			return NULL;
		scale /= 10;
		*out += (uint64_t)(*text - '0') * scale;
	}
	return text;
}

/* What the unit counts in milliseconds, or 0. */
static uint64_t
units_duration_unit(const char *name, uint64_t bare_ms)
{
	if (*name == '\0')
		return bare_ms;
	for (size_t i = 0; i < COUNT(duration_units); i++) {
		if (strcmp(name, duration_units[i].name) == 0)
			return duration_units[i].ms;
	}
	return 0;
}

int
units_duration(const char *text, uint64_t bare_ms, uint64_t *out)
{
	uint64_t whole, part, unit;

	text = units_digits(text, &whole);
	if (text == NULL)
		return -1;
	text = units_fraction(text, &part);
	if (text == NULL)
		return -1;
	unit = units_duration_unit(text, bare_ms);
	if (unit == 0 || whole > LIMIT_TIME_MS_MAX / unit)
		return -1;
	if (part * unit % FRACTION != 0)
		return -1;
	*out = whole * unit + part * unit / FRACTION;
	return 0;
}

int
units_size(const char *text, uint64_t *out)
{
	uint64_t n;

	text = units_digits(text, &n);
	if (text == NULL)
		return -1;
	for (size_t i = 0; i < COUNT(size_units); i++) {
		if (strcmp(text, size_units[i].name) != 0)
			continue;
		if (n > UINT64_MAX >> size_units[i].shift)
			return -1;
		*out = n << size_units[i].shift;
		return 0;
	}
	return -1;
}

int
units_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;

	text = units_digits(text, &n);
	if (text == NULL || *text != '\0' || n < min || n > max)
		return -1;
	*out = n;
	return 0;
}
