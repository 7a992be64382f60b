#include "worker/tasks/token-times.h"

#include <string.h>

#include "proto/units.h"

#define TIMES_DURATION 32 /* bytes of a duration, its NUL included */
#define MS_PER_S 1000

/* Reads "7d" as seconds. */
static int
times_duration(const msgpack_object *arg, int64_t *seconds)
{
	char text[TIMES_DURATION];
	uint64_t ms;

	if (arg->via.str.size >= sizeof text)
		return -1;
	call_text(arg, text, sizeof text);
	/* a NUL inside would hide what follows it */
	if (strlen(text) != arg->via.str.size)
		return -1;
	if (units_duration(text, MS_PER_S, &ms) < 0)
		return -1;
	*seconds = (int64_t)(ms / MS_PER_S);
	return 0;
}

int
token_times_seconds(struct call *call, const char *name,
    const msgpack_object *arg, int64_t min, int64_t *seconds)
{
	if (arg->type == MSGPACK_OBJECT_STR) {
		if (times_duration(arg, seconds) == 0)
			return 0;
	} else {
		*seconds = call_int(arg, 0);
		if (*seconds >= min && *seconds <= TOKEN_TIMES_MAX)
			return 0;
	}
	return call_refuse(call, name,
	    "seconds (100 years at most) or a duration such as \"7d\", "
	    "\"15m\" or \"30s\"",
	    arg);
}

/* Checks nbf. */
static const char *
times_not_before(const struct token_times *times, const json_t *nbf)
{
	if (nbf == NULL || times->ignore_not_before)
		return NULL;
	if (!json_is_number(nbf))
		return "invalid nbf value";
	return json_number_value(nbf) > times->now + times->leeway
		   ? "jwt not active"
		   : NULL;
}

/* Checks exp. */
static const char *
times_expiration(const struct token_times *times, const json_t *exp)
{
	if (exp == NULL || times->ignore_expiration)
		return NULL;
	if (!json_is_number(exp))
		return "invalid exp value";
	return times->now >= json_number_value(exp) + times->leeway
		   ? "jwt expired"
		   : NULL;
}

const char *
token_times_check(const struct token_times *times, const json_t *payload)
{
	const char *error =
	    times_not_before(times, json_object_get(payload, "nbf"));

	if (error != NULL)
		return error;
	return times_expiration(times, json_object_get(payload, "exp"));
}

const char *
token_times_check_age(const struct token_times *times, const json_t *payload)
{
	const json_t *iat = json_object_get(payload, "iat");
	double end;

	if (times->max_age == TOKEN_TIMES_ANY_AGE)
		return NULL;
	if (!json_is_number(iat))
		return "iat required when maxAge is specified";
	end = json_number_value(iat) + (double)times->max_age;
	return times->now >= end + times->leeway ? "maxAge exceeded" : NULL;
}
