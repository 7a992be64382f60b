#include "worker/tasks/analytics-time.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "worker/call.h"

#define TIME_MS_PER_S 1000
#define TIME_NS_PER_MS 1000000
#define TIME_S_PER_MINUTE 60
#define TIME_S_PER_HOUR 3600
#define TIME_S_PER_DAY 86400
#define TIME_DIGITS_MAX 9 /* of a fraction, as timestamps have */
#define TIME_FRACTION_AT 19 /* where it may begin */
#define TIME_YEAR_0 1900 /* of struct tm */

/* d: a digit, T: the letter or a space */
static const char time_shape[] = "dddd-dd-ddTdd:dd:dd";
static const char time_zone_shape[] = "+dd:dd";

/* Whether the text begins as a shape says. */
static bool
time_fits(const char *text, size_t len, const char *shape)
{
	size_t n = strlen(shape);

	if (len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (shape[i] == 'd' ? !isdigit((unsigned char)text[i])
		    : shape[i] == 'T'
			? strchr("Tt ", text[i]) == NULL || text[i] == '\0'
		    : shape[i] == '+' ? text[i] != '+' && text[i] != '-'
				      : text[i] != shape[i])
			return false;
	}
	return true;
}

/* The number that n digits spell. */
static int
time_digits(const char *text, int n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*text++ - '0');
	return v;
}

/*
 * Days since 1970 as seconds, or false: there is no such day. The library
 * makes a day of the next month of it. (strptime() would take blanks and
 * missing digits, and knows no fractions.)
 */
static bool
time_date(const char *text, int64_t *s)
{
	struct tm tm = {.tm_year = time_digits(text, 4) - TIME_YEAR_0,
	    .tm_mon = time_digits(text + 5, 2) - 1,
	    .tm_mday = time_digits(text + 8, 2)};
	int month = tm.tm_mon, day = tm.tm_mday;

	*s = timegm(&tm);
	return tm.tm_mon == month && tm.tm_mday == day;
}

/* Seconds of a day, or false; 60 is a leap second: the next one. */
static bool
time_of_day(const char *text, int64_t *s)
{
	int hour = time_digits(text, 2);
	int minute = time_digits(text + 3, 2);
	int second = time_digits(text + 6, 2);

	*s = hour * TIME_S_PER_HOUR + minute * TIME_S_PER_MINUTE + second;
	return hour < 24 && minute < 60 && second <= 60;
}

/* Passes a fraction of a second, if there is one: its milliseconds, or -1. */
static int
time_fraction(const char **text, size_t *len)
{
	int ms = 0, scale = TIME_MS_PER_S / 10, n = 1;

	if (*len == 0 || **text != '.')
		return 0;
	while ((size_t)n < *len && isdigit((unsigned char)(*text)[n])) {
		ms += ((*text)[n++] - '0') * scale;
		scale /= 10;
	}
	if (n == 1 || n > 1 + TIME_DIGITS_MAX)
		return -1;
	*text += n;
	*len -= (size_t)n;
	return ms;
}

/* Seconds that a zone is ahead of UTC, or false. It must end the text. */
static bool
time_zone(const char *text, size_t len, int64_t *s)
{
	int hours, minutes;

	*s = 0;
	if (len == 1)
		return *text == 'Z' || *text == 'z';
	if (len != strlen(time_zone_shape) ||
	    !time_fits(text, len, time_zone_shape))
		return false;
	hours = time_digits(text + 1, 2);
	minutes = time_digits(text + 4, 2);
	*s = hours * TIME_S_PER_HOUR + minutes * TIME_S_PER_MINUTE;
	if (*text == '-')
		*s = -*s;
	return hours < 24 && minutes < 60;
}

/* Reads RFC 3339, 5.6. */
static bool
time_text(const char *text, size_t len, int64_t *ms)
{
	int64_t days, seconds, ahead;
	int fraction;

	if (!time_fits(text, len, time_shape) || !time_date(text, &days) ||
	    !time_of_day(text + 11, &seconds))
		return false;
	text += TIME_FRACTION_AT;
	len -= TIME_FRACTION_AT;
	fraction = time_fraction(&text, &len);
	if (fraction < 0 || !time_zone(text, len, &ahead))
		return false;
	*ms = (days + seconds - ahead) * TIME_MS_PER_S + fraction;
	return true;
}

/* Reads a number; integers in the range are exact in a double. */
static bool
time_number(const msgpack_object *value, bool in_seconds, int64_t *ms)
{
	double f = call_number(value, 0);

	if (in_seconds)
		f *= TIME_MS_PER_S;
	if (!(fabs(f) <= (double)ANALYTICS_TIME_MAX))
		return false;
	*ms = (int64_t)floor(f);
	return true;
}

/* Reads a MessagePack timestamp of 32, 64 or 96 bits. */
static bool
time_timestamp(const msgpack_object *value, int64_t *ms)
{
	msgpack_timestamp t;

	if (!msgpack_object_to_timestamp(value, &t) ||
	    t.tv_nsec >= TIME_NS_PER_MS * TIME_MS_PER_S ||
	    t.tv_sec > ANALYTICS_TIME_MAX / TIME_MS_PER_S ||
	    t.tv_sec < -ANALYTICS_TIME_MAX / TIME_MS_PER_S)
		return false;
	*ms = t.tv_sec * TIME_MS_PER_S + t.tv_nsec / TIME_NS_PER_MS;
	/* the last second of all has no fraction */
	return *ms <= ANALYTICS_TIME_MAX;
}

bool
analytics_time_read(const msgpack_object *value, bool in_seconds, int64_t *ms)
{
	switch (value->type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return time_number(value, in_seconds, ms);
	case MSGPACK_OBJECT_STR:
		return time_text(value->via.str.ptr, value->via.str.size, ms);
	case MSGPACK_OBJECT_BIN:
		return time_text(value->via.bin.ptr, value->via.bin.size, ms);
	case MSGPACK_OBJECT_EXT:
		return time_timestamp(value, ms);
	default:
		return false;
	}
}

int64_t
analytics_time_bucket(int64_t ms, int64_t interval_ms)
{
	int64_t over = ms % interval_ms;

	if (over < 0)
		over += interval_ms;
	return ms - over;
}
