/* jwt:sign */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/limit.h"
#include "worker/tasks/token-times.h"
#include "worker/tasks/token.h"
#include "worker/tasks/value.h"
#include "worker/wipe.h"

#define SIGN_NAME 64 /* bytes of an option's name, its NUL included */
#define SIGN_TIME_MAX ((double)LIMIT_MSGID_MAX) /* exact in a double */

enum sign_field { SIGN_PAYLOAD, SIGN_SECRET, SIGN_OPTIONS };

enum sign_option {
	SIGN_ALGORITHM,
	SIGN_EXPIRES_IN,
	SIGN_NOT_BEFORE,
	SIGN_ISSUER,
	SIGN_AUDIENCE,
	SIGN_SUBJECT,
	SIGN_JWTID,
	SIGN_KEYID,
	SIGN_HEADER,
	SIGN_NO_TIMESTAMP,
	SIGN_N,
};

static const struct field sign_options[] = {
    [SIGN_ALGORITHM] = {.name = "algorithm",
	.kinds = FIELD_STR,
	.allowed = token_key_algorithms,
	.fallback = "HS256, RS256, or the one of the key's curve",
	.about = "The algorithm to sign with; the key must be of its kind."},
    [SIGN_EXPIRES_IN] = {.name = "expiresIn",
	.kinds = FIELD_INT | FIELD_STR,
	.about = "Sets exp: seconds from iat on, or a duration (\"7d\")."},
    [SIGN_NOT_BEFORE] = {.name = "notBefore",
	.kinds = FIELD_INT | FIELD_STR,
	.about = "Sets nbf: seconds from iat on, or a duration."},
    [SIGN_ISSUER] = {.name = "issuer",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "Sets iss."},
    [SIGN_AUDIENCE] = {.name = "audience",
	.kinds = FIELD_STR | FIELD_ARRAY,
	.about = "Sets aud: a string or an array of strings."},
    [SIGN_SUBJECT] = {.name = "subject",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "Sets sub."},
    [SIGN_JWTID] = {.name = "jwtid",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "Sets jti."},
    [SIGN_KEYID] = {.name = "keyid",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "Sets kid in the header."},
    [SIGN_HEADER] = {.name = "header",
	.kinds = FIELD_MAP,
	.about = "More for the header: typ, cty, x5t, ..."},
    [SIGN_NO_TIMESTAMP] = {.name = "noTimestamp",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Does not set iat."},
    [SIGN_N] = {.name = NULL},
};

static const struct field sign_fields[] = {
    [SIGN_PAYLOAD] = {.name = "payload",
	.kinds = FIELD_MAP,
	.required = true,
	.about = "The claims."},
    [SIGN_SECRET] = {.name = TOKEN_KEY_FIELD,
	.alias = "key",
	.kinds = FIELD_TEXT,
	.required = true,
	.named = true,
	.min = 1,
	.max = TOKEN_KEY_PEM_MAX,
	.about = "A shared secret, or a private key in PEM. A named key's "
		 "version becomes kid, if there is none."},
    [SIGN_OPTIONS] = {.name = "options",
	.kinds = FIELD_MAP,
	.about = "What to add to the claims.",
	.fields = sign_options},
    {.name = NULL},
};

/* Options that become claims as they are. */
static const struct {
	enum sign_option option;
	const char *claim;
} sign_claims[] = {
    {SIGN_ISSUER, "iss"},
    {SIGN_AUDIENCE, "aud"},
    {SIGN_SUBJECT, "sub"},
    {SIGN_JWTID, "jti"},
};

/* Claims that are times. */
static const char *const sign_times[] = {"iat", "nbf", "exp"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Parameters of a header that are strings. */
static const char *const sign_header_strings[] = {"typ", "cty", "kid"};

/* One signing. */
struct sign {
	struct call *call;
	const msgpack_object *options[SIGN_N]; /* NULL where not given */
	struct token_key key;
	int algorithm;
	json_t *header; /* beside alg and typ; owned */
	json_t *payload; /* owned */
};

/* Sets a claim, which is taken, unless the payload has it already. */
static int
sign_set(struct sign *s, enum sign_option option, const char *claim,
    json_t *value)
{
	char name[SIGN_NAME];

	if (value == NULL)
		return -1;
	if (json_object_get(s->payload, claim) == NULL) {
		if (json_object_set_new(s->payload, claim, value) == 0)
			return 0;
		return call_no_memory(s->call);
	}
	json_decref(value);
	snprintf(name, sizeof name, "options.%s", sign_options[option].name);
	return call_invalid(s->call, name,
	    "%s sets %s, which the payload already has: give one", name, claim);
}

/* Sets the claims that options give as strings. */
static int
sign_set_strings(struct sign *s)
{
	char name[SIGN_NAME];

	for (size_t i = 0; i < COUNT(sign_claims); i++) {
		enum sign_option option = sign_claims[i].option;
		const msgpack_object *arg = s->options[option];

		if (arg == NULL)
			continue;
		snprintf(name, sizeof name, "options.%s",
		    sign_options[option].name);
		if (sign_set(s, option, sign_claims[i].claim,
			token_strings(s->call, name, arg,
			    option == SIGN_AUDIENCE)) < 0)
			return -1;
	}
	return 0;
}

/* Whether a claim can be a time: a number that a double holds exactly. */
static bool
sign_is_time(const json_t *value)
{
	double seconds = json_number_value(value);

	return json_is_number(value) && seconds >= -SIGN_TIME_MAX &&
	       seconds <= SIGN_TIME_MAX;
}

/* Refuses times in the payload that no verifier could read. */
static int
sign_check_times(struct sign *s)
{
	char name[SIGN_NAME];

	for (size_t i = 0; i < COUNT(sign_times); i++) {
		json_t *value = json_object_get(s->payload, sign_times[i]);

		if (value == NULL || sign_is_time(value))
			continue;
		snprintf(name, sizeof name, "payload.%s", sign_times[i]);
		return call_invalid(s->call, name,
		    "%s takes a number of seconds since 1970", name);
	}
	return 0;
}

/* Reads a number of seconds or a duration. */
static int
sign_seconds(struct sign *s, enum sign_option option, int64_t *seconds)
{
	char name[SIGN_NAME];

	snprintf(name, sizeof name, "options.%s", sign_options[option].name);
	return token_times_seconds(s->call, name, s->options[option],
	    -TOKEN_TIMES_MAX, seconds);
}

/* Sets a time so many seconds after `from`, if the option is given. */
static int
sign_set_after(struct sign *s, enum sign_option option, const char *claim,
    int64_t from)
{
	int64_t seconds = 0;

	if (s->options[option] == NULL)
		return 0;
	if (sign_seconds(s, option, &seconds) < 0)
		return -1;
	return sign_set(s, option, claim, json_integer(from + seconds));
}

/* Sets iat, nbf and exp. A payload's own iat is what the others count from. */
static int
sign_set_times(struct sign *s)
{
	json_t *given = json_object_get(s->payload, "iat");
	int64_t now = time(NULL);

	if (given != NULL)
		now = (int64_t)json_number_value(given);
	if (call_bool(s->options[SIGN_NO_TIMESTAMP], false)) {
		if (given != NULL)
			return call_invalid(s->call, "options.noTimestamp",
			    "options.noTimestamp forbids iat, which the "
			    "payload has: give one");
	} else if (given == NULL && json_object_set_new(s->payload, "iat",
					json_integer(now)) < 0) {
		return call_no_memory(s->call);
	}
	if (sign_set_after(s, SIGN_NOT_BEFORE, "nbf", now) < 0)
		return -1;
	return sign_set_after(s, SIGN_EXPIRES_IN, "exp", now);
}

/* Chooses the algorithm: the one that was named, or the key's. */
static int
sign_choose(struct sign *s)
{
	const msgpack_object *arg = s->options[SIGN_ALGORITHM];

	s->algorithm = arg == NULL ? token_key_default(&s->key)
				   : token_key_algorithm(arg->via.str.ptr,
					 arg->via.str.size);
	return token_key_check(s->call, "options.algorithm", s->algorithm,
	    &s->key);
}

/* Refuses a parameter of the header. */
static int
sign_refuse_header(struct sign *s, const char *parameter, const char *takes)
{
	char name[SIGN_NAME];

	snprintf(name, sizeof name, "options.header.%s", parameter);
	return call_invalid(s->call, name, "%s %s", name, takes);
}

/* Checks the parameters that are given in a map. */
static int
sign_check_header(struct sign *s)
{
	const char *algorithm = token_key_algorithms[s->algorithm];
	const json_t *alg = json_object_get(s->header, "alg");

	for (size_t i = 0; token_forbidden[i] != NULL; i++) {
		if (json_object_get(s->header, token_forbidden[i]) != NULL)
			return sign_refuse_header(s, token_forbidden[i],
			    "is not taken: no token is made that asks for "
			    "more than it says");
	}
	for (size_t i = 0; i < COUNT(sign_header_strings); i++) {
		const json_t *value =
		    json_object_get(s->header, sign_header_strings[i]);

		if (value != NULL && !json_is_string(value))
			return sign_refuse_header(s, sign_header_strings[i],
			    "takes a string");
	}
	if (alg != NULL && (!json_is_string(alg) ||
			       strcmp(json_string_value(alg), algorithm) != 0))
		return sign_refuse_header(s, "alg",
		    "must be the algorithm that the token is signed with");
	/* set by the signature itself */
	json_object_del(s->header, "alg");
	return 0;
}

/* Sets the version of a named key, unless the caller has another name for it. */
static int
sign_set_version(struct sign *s)
{
	if (s->call->key == NULL || json_object_get(s->header, "kid") != NULL)
		return 0;
	return json_object_set_new(s->header, "kid",
		   json_string(s->call->version->text)) == 0
		   ? 0
		   : call_no_memory(s->call);
}

/* Sets the key's name in the header. */
static int
sign_set_keyid(struct sign *s)
{
	json_t *keyid;

	if (s->options[SIGN_KEYID] == NULL)
		return sign_set_version(s);
	if (json_object_get(s->header, "kid") != NULL)
		return call_invalid(s->call, "options.keyid",
		    "options.keyid sets kid, which options.header already "
		    "has: give one");
	keyid = token_strings(s->call, "options.keyid", s->options[SIGN_KEYID],
	    false);
	if (keyid == NULL)
		return -1;
	return json_object_set_new(s->header, "kid", keyid) == 0
		   ? 0
		   : call_no_memory(s->call);
}

/* Makes the header, all but alg and a typ that was not given. */
static int
sign_read_header(struct sign *s)
{
	const msgpack_object *arg = s->options[SIGN_HEADER];

	s->header = arg != NULL ? value_to_json(s->call, "options.header", arg)
				: json_object();
	if (s->header == NULL)
		return -1;
	return sign_check_header(s) < 0 ? -1 : sign_set_keyid(s);
}

/* Reads all that was given and completes header and payload. */
static int
sign_prepare(struct sign *s)
{
	struct call *call = s->call;
	const msgpack_object *options = call->args[SIGN_OPTIONS];

	if (options != NULL &&
	    call_bind(call, sign_options, options, "options.", s->options) < 0)
		return -1;
	if (token_key_read(call, call->args[SIGN_SECRET], true, &s->key) < 0 ||
	    sign_choose(s) < 0 || sign_read_header(s) < 0)
		return -1;
	s->payload = value_to_json(call, "payload", call->args[SIGN_PAYLOAD]);
	if (s->payload == NULL)
		return -1;
	if (sign_check_times(s) < 0 || sign_set_strings(s) < 0)
		return -1;
	return sign_set_times(s);
}

/* Signs and packs the token. */
static int
sign_finish(struct sign *s)
{
	char *text = token_make(s->header, s->payload, s->algorithm, &s->key);

	if (text == NULL)
		return call_no_memory(s->call);
	if (strlen(text) > TOKEN_MAX) {
		wipe_free(text);
		return call_too_large(s->call, "token", TOKEN_MAX);
	}
	call_pack_str(s->call, text);
	wipe_free(text);
	return 0;
}

static int
sign_run(struct call *call)
{
	struct sign s = {.call = call};
	int rc = sign_prepare(&s);

	if (rc == 0)
		rc = sign_finish(&s);
	json_decref(s.header);
	json_decref(s.payload);
	return rc;
}

const struct task_type token_sign_type = {
    .name = "jwt:sign",
    .about = "Makes a JSON web token.",
    .result = "The token, a string.",
    .example = "{\"payload\": {\"user\": 7}, \"secret\": \"s3cret\", "
	       "\"options\": {\"expiresIn\": \"7d\"}}",
    .flags = TYPE_SECRET | TYPE_URGENT | TYPE_IDEMPOTENT,
    .timeout_ms = 5000,
    .fields = sign_fields,
    .run = sign_run,
};
