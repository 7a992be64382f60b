/* jwt:verify */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/limit.h"
#include "worker/tasks/token-times.h"
#include "worker/tasks/token.h"
#include "worker/tasks/value.h"
#include "worker/wipe.h"

#define VERIFY_NAME 64 /* bytes of an option's name, its NUL included */
#define VERIFY_TOLERANCE_MAX 31536000 /* one year in seconds */
#define VERIFY_ALGORITHMS_MAX 16 /* names in the list */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum verify_field { VERIFY_TOKEN, VERIFY_SECRET, VERIFY_OPTIONS };

enum verify_option {
	VERIFY_ALGORITHMS,
	VERIFY_ISSUER,
	VERIFY_AUDIENCE,
	VERIFY_SUBJECT,
	VERIFY_JWTID,
	VERIFY_NONCE,
	VERIFY_TYP,
	VERIFY_MAX_AGE,
	VERIFY_CLOCK_TOLERANCE,
	VERIFY_CLOCK_TIMESTAMP,
	VERIFY_IGNORE_EXPIRATION,
	VERIFY_IGNORE_NOT_BEFORE,
	VERIFY_COMPLETE,
	VERIFY_RAISE,
	VERIFY_N,
};

static const struct field verify_options[] = {
    [VERIFY_ALGORITHMS] = {.name = "algorithms",
	.kinds = FIELD_ARRAY,
	.min = 1,
	.max = VERIFY_ALGORITHMS_MAX,
	.fallback = "all that the key is for",
	.about = "The algorithms that a token may have."},
    [VERIFY_ISSUER] = {.name = "issuer",
	.kinds = FIELD_STR | FIELD_ARRAY,
	.about = "What iss must be: a string, or one of an array."},
    [VERIFY_AUDIENCE] = {.name = "audience",
	.kinds = FIELD_STR | FIELD_ARRAY,
	.about = "What aud must name: a string, or one of an array."},
    [VERIFY_SUBJECT] = {.name = "subject",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "What sub must be."},
    [VERIFY_JWTID] = {.name = "jwtid",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "What jti must be."},
    [VERIFY_NONCE] = {.name = "nonce",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "What nonce must be."},
    [VERIFY_TYP] = {.name = "typ",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.fallback = "none, or JWT",
	.about = "What typ in the header must be."},
    [VERIFY_MAX_AGE] = {.name = "maxAge",
	.kinds = FIELD_INT | FIELD_STR,
	.about = "How old iat may be: seconds, or a duration (\"2h\")."},
    [VERIFY_CLOCK_TOLERANCE] = {.name = "clockTolerance",
	.kinds = FIELD_INT,
	.max = VERIFY_TOLERANCE_MAX,
	.fallback = "0",
	.about = "Seconds by which times may be missed."},
    [VERIFY_CLOCK_TIMESTAMP] = {.name = "clockTimestamp",
	.kinds = FIELD_INT,
	.max = LIMIT_MSGID_MAX,
	.fallback = "now",
	.about = "Seconds since 1970 that count as now."},
    [VERIFY_IGNORE_EXPIRATION] = {.name = "ignoreExpiration",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Does not look at exp."},
    [VERIFY_IGNORE_NOT_BEFORE] = {.name = "ignoreNotBefore",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Does not look at nbf."},
    [VERIFY_COMPLETE] = {.name = "complete",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Answers the header, too."},
    [VERIFY_RAISE] = {.name = "raise",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Fails when the token is not valid."},
    [VERIFY_N] = {.name = NULL},
};

static const struct field verify_fields[] = {
    [VERIFY_TOKEN] = {.name = "token",
	.kinds = FIELD_TEXT,
	.required = true,
	.about = "The token; over 65,536 bytes it is never valid."},
    [VERIFY_SECRET] = {.name = TOKEN_KEY_FIELD,
	.alias = "key",
	.kinds = FIELD_TEXT,
	.required = true,
	.named = true,
	.min = 1,
	.max = TOKEN_KEY_PEM_MAX,
	.about = "A shared secret, or a public key or certificate in PEM. Of "
		 "a named key the version that kid names, or any."},
    [VERIFY_OPTIONS] = {.name = "options",
	.kinds = FIELD_MAP,
	.about = "What else must hold.",
	.fields = verify_options},
    {.name = NULL},
};

/* Claims that must be as expected, in the order they are looked at. */
static const struct {
	enum verify_option option;
	const char *claim;
	bool many; /* the claim may be an array: one of it is enough */
	const char *error;
	const char *separator; /* between the strings that were expected */
} verify_claims[] = {
    {VERIFY_AUDIENCE, "aud", true, "jwt audience invalid. expected: ", " or "},
    {VERIFY_ISSUER, "iss", false, "jwt issuer invalid. expected: ", ","},
    {VERIFY_SUBJECT, "sub", false, "jwt subject invalid. expected: ", ","},
    {VERIFY_JWTID, "jti", false, "jwt jwtid invalid. expected: ", ","},
    {VERIFY_NONCE, "nonce", false, "jwt nonce invalid. expected: ", ","},
};

/* One verification. */
struct verify {
	struct call *call;
	const msgpack_object *options[VERIFY_N]; /* NULL where not given */
	struct token_key key;
	struct token_times times;
	unsigned int algorithms; /* one bit for each that is allowed */
	json_t *expected[COUNT(verify_claims)]; /* owned; NULL: anything */
	json_t *typ; /* owned; NULL: none, or JWT */
	struct token token;
	/* Why the token is not valid; NULL: it is. */
	const char *error;
	const json_t *named; /* strings behind the error, or NULL */
	const char *separator; /* between them */
};

/* Reads the list of algorithms, each of which must fit the key. */
static int
verify_read_algorithms(struct verify *v)
{
	static const char name[] = "options.algorithms";
	const msgpack_object *arg = v->options[VERIFY_ALGORITHMS];

	/* each key allows its own, whatever the list */
	v->algorithms = arg == NULL ? UINT_MAX : 0;
	for (uint32_t i = 0; arg != NULL && i < arg->via.array.size; i++) {
		const msgpack_object *one = &arg->via.array.ptr[i];
		int at = -1;

		if (one->type == MSGPACK_OBJECT_STR)
			at = token_key_algorithm(one->via.str.ptr,
			    one->via.str.size);
		if (at < 0)
			return call_invalid(v->call, name,
			    "%s takes an array of \"HS256\", \"HS384\", "
			    "\"HS512\", and the same with \"RS\" and "
			    "\"ES\", only",
			    name);
		if (token_key_check(v->call, name, at, &v->key) < 0)
			return -1;
		v->algorithms |= 1u << at;
	}
	return 0;
}

/* Reads what the times are checked against. */
static int
verify_read_times(struct verify *v)
{
	const msgpack_object *max_age = v->options[VERIFY_MAX_AGE];

	v->times = (struct token_times){
	    .now = (double)call_int(v->options[VERIFY_CLOCK_TIMESTAMP],
		time(NULL)),
	    .leeway = (double)call_int(v->options[VERIFY_CLOCK_TOLERANCE], 0),
	    .max_age = TOKEN_TIMES_ANY_AGE,
	    .ignore_expiration =
		call_bool(v->options[VERIFY_IGNORE_EXPIRATION], false),
	    .ignore_not_before =
		call_bool(v->options[VERIFY_IGNORE_NOT_BEFORE], false),
	};
	if (max_age == NULL)
		return 0;
	return token_times_seconds(v->call, "options.maxAge", max_age, 0,
	    &v->times.max_age);
}

/* Reads what claims are expected to be. */
static int
verify_read_expected(struct verify *v)
{
	char name[VERIFY_NAME];

	for (size_t i = 0; i < COUNT(verify_claims); i++) {
		enum verify_option option = verify_claims[i].option;
		const msgpack_object *arg = v->options[option];

		if (arg == NULL)
			continue;
		snprintf(name, sizeof name, "options.%s",
		    verify_options[option].name);
		v->expected[i] = token_strings(v->call, name, arg, true);
		if (v->expected[i] == NULL)
			return -1;
	}
	return 0;
}

/* Reads what the header's typ is expected to be. */
static int
verify_read_typ(struct verify *v)
{
	const msgpack_object *arg = v->options[VERIFY_TYP];

	if (arg == NULL)
		return 0;
	v->typ = token_strings(v->call, "options.typ", arg, false);
	return v->typ != NULL ? 0 : -1;
}

/* Reads all that was given, the token apart. */
static int
verify_read(struct verify *v)
{
	struct call *call = v->call;
	const msgpack_object *options = call->args[VERIFY_OPTIONS];

	if (options != NULL && call_bind(call, verify_options, options,
				   "options.", v->options) < 0)
		return -1;
	if (token_key_read(call, call->args[VERIFY_SECRET], false, &v->key) < 0)
		return -1;
	if (verify_read_algorithms(v) < 0 || verify_read_times(v) < 0 ||
	    verify_read_typ(v) < 0)
		return -1;
	return verify_read_expected(v);
}

/* Checks that a key has signed the token, by an algorithm that is allowed. */
static const char *
verify_by(const struct verify *v, const struct token_key *key)
{
	const json_t *name = json_object_get(v->token.header, "alg");
	unsigned int allowed = v->algorithms & token_key_allowed(key);
	int at = -1;

	if (json_is_string(name))
		at = token_key_algorithm(json_string_value(name),
		    json_string_length(name));
	if (at < 0 || (allowed & 1u << at) == 0)
		return "invalid algorithm";
	return token_genuine(&v->token, at, key) ? NULL : "invalid signature";
}

/* The same for a version of a named key. */
static const char *
verify_by_version(const struct verify *v, const struct keyring_version *version)
{
	struct token_key key;

	if (token_key_read(v->call, &version->value, false, &key) < 0)
		return "invalid signature"; /* it is for no tokens */
	return verify_by(v, &key);
}

/* The version that the token says it is of; NULL: it says none that we know. */
static const struct keyring_version *
verify_version(const struct verify *v)
{
	const json_t *kid = json_object_get(v->token.header, "kid");

	if (!json_is_string(kid))
		return NULL;
	return keyring_version_text(v->call->key, json_string_value(kid),
	    json_string_length(kid));
}

/*
 * By whichever version: kid says where to look first, and nothing else. It is
 * not to be believed before the signature is right, and it may be the caller's
 * own name for the key.
 */
static const char *
verify_signature(const struct verify *v)
{
	const struct keyring_key *named = v->call->key;
	const struct keyring_version *version;
	const char *error = "invalid signature";

	if (named == NULL || v->call->pinned)
		return verify_by(v, &v->key);
	version = verify_version(v);
	if (version != NULL)
		return verify_by_version(v, version);
	for (size_t i = 0; error != NULL && i < named->n; i++)
		error = verify_by_version(v, &named->versions[i]);
	return error;
}

/* Whether a string is the expected one, or one of the expected ones. */
static bool
verify_is_expected(const json_t *expected, const json_t *value)
{
	if (!json_is_string(value))
		return false;
	if (json_is_string(expected))
		return json_equal(expected, value);
	for (size_t i = 0; i < json_array_size(expected); i++) {
		if (json_equal(json_array_get(expected, i), value))
			return true;
	}
	return false;
}

/* Whether a claim is as expected. */
static bool
verify_claim(size_t at, const json_t *expected, const json_t *claim)
{
	if (!verify_claims[at].many || !json_is_array(claim))
		return verify_is_expected(expected, claim);
	for (size_t i = 0; i < json_array_size(claim); i++) {
		if (verify_is_expected(expected, json_array_get(claim, i)))
			return true;
	}
	return false;
}

/* Checks the claims that the caller has expectations of. */
static const char *
verify_expectations(struct verify *v)
{
	for (size_t i = 0; i < COUNT(verify_claims); i++) {
		const json_t *claim =
		    json_object_get(v->token.payload, verify_claims[i].claim);

		if (v->expected[i] == NULL ||
		    verify_claim(i, v->expected[i], claim))
			continue;
		v->named = v->expected[i];
		v->separator = verify_claims[i].separator;
		return verify_claims[i].error;
	}
	return NULL;
}

/* Takes the token apart. */
static const char *
verify_shape(struct verify *v)
{
	size_t len;
	const uint8_t *text = call_bytes(v->call->args[VERIFY_TOKEN], &len);

	return token_parse(&v->token, text, len, json_string_value(v->typ));
}

/* Looks at the token; the signature comes before all that it vouches for. */
static void
verify_judge(struct verify *v)
{
	v->error = verify_shape(v);
	if (v->error == NULL)
		v->error = verify_signature(v);
	if (v->error == NULL)
		v->error = token_times_check(&v->times, v->token.payload);
	if (v->error == NULL)
		v->error = verify_expectations(v);
	if (v->error == NULL)
		v->error = token_times_check_age(&v->times, v->token.payload);
}

/* The i-th string of what was expected, or NULL past the last. */
static const json_t *
verify_named(const struct verify *v, size_t i)
{
	if (json_is_array(v->named))
		return json_array_get(v->named, i);
	return i == 0 ? v->named : NULL;
}

/* Writes the error, with what was expected behind it. NULL: no memory. */
static char *
verify_text(const struct verify *v)
{
	size_t len = strlen(v->error) + 1;
	const json_t *one;
	char *text, *end;

	for (size_t i = 0; (one = verify_named(v, i)) != NULL; i++)
		len += strlen(v->separator) + json_string_length(one);
	text = wipe_malloc(len);
	if (text == NULL)
		return NULL;
	end = stpcpy(text, v->error);
	for (size_t i = 0; (one = verify_named(v, i)) != NULL; i++) {
		if (i > 0)
			end = stpcpy(end, v->separator);
		end = stpcpy(end, json_string_value(one));
	}
	return text;
}

/* Packs the verdict on a good token. */
static int
verify_pack(const struct verify *v)
{
	bool complete = call_bool(v->options[VERIFY_COMPLETE], false);
	msgpack_packer *pk = &v->call->pk;

	msgpack_pack_map(pk, complete ? 3 : 2);
	call_pack_str(v->call, "valid");
	msgpack_pack_true(pk);
	if (complete) {
		call_pack_str(v->call, "header");
		value_pack(v->token.header, pk);
	}
	call_pack_str(v->call, "payload");
	value_pack(v->token.payload, pk);
	return 0;
}

/* Packs the verdict on a bad one, or fails because of it. */
static int
verify_reject(const struct verify *v)
{
	char *text = verify_text(v);
	int rc = 0;

	if (text == NULL)
		return call_no_memory(v->call);
	if (call_bool(v->options[VERIFY_RAISE], false)) {
		rc = call_fail(v->call, CODE_WORKER_ERROR, "%s", text);
	} else {
		msgpack_pack_map(&v->call->pk, 2);
		call_pack_str(v->call, "valid");
		msgpack_pack_false(&v->call->pk);
		call_pack_str(v->call, "error");
		call_pack_str(v->call, text);
	}
	wipe_free(text);
	return rc;
}

static int
verify_run(struct call *call)
{
	struct verify v = {.call = call};
	int rc = verify_read(&v);

	if (rc == 0) {
		verify_judge(&v);
		rc = v.error == NULL ? verify_pack(&v) : verify_reject(&v);
	}
	token_clear(&v.token);
	for (size_t i = 0; i < COUNT(verify_claims); i++)
		json_decref(v.expected[i]);
	json_decref(v.typ);
	return rc;
}

const struct task_type token_verify_type = {
    .name = "jwt:verify",
    .about = "Checks a JSON web token.",
    .result = "{valid: true, payload} or {valid: false, error}.",
    .example = "{\"token\": \"eyJ...\", \"secret\": \"s3cret\", "
	       "\"options\": {\"issuer\": \"me\"}}",
    .flags = TYPE_SECRET | TYPE_URGENT | TYPE_IDEMPOTENT,
    .timeout_ms = 5000,
    .fields = verify_fields,
    .run = verify_run,
};
